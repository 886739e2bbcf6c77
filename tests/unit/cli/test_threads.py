"""The number of threads, and how they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scans import save_pair

from medpaint.cli.main import main
from medpaint.cli.threads import wait_asleep


def run(code: str) -> list[str]:
    """Return what a new Python prints after the code, without thread settings of this one."""
    ours = ("_NUM_THREADS", "OMP_WAIT_POLICY", "OPENBLAS_THREAD_TIMEOUT")
    kept = {name: value for name, value in os.environ.items() if not name.endswith(ours)}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_threads_wait_asleep_unless_the_user_decided() -> None:
    environment = {"OMP_WAIT_POLICY": "ACTIVE"}
    wait_asleep(environment)
    assert environment == {"OMP_WAIT_POLICY": "ACTIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}


def test_importing_medpaint_does_not_decide_how_threads_wait() -> None:
    code = "import os, medpaint; medpaint.restore; print('OMP_WAIT_POLICY' in os.environ)"
    assert run(code) == ["False"]


@pytest.mark.slow
def test_all_libraries_get_the_number_of_threads(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    words = ["restore", str(scan), "--mask", str(mask), "--output", str(tmp_path), "--engine", "biharmonic"]
    code = (
        f"from medpaint.cli.main import main; main({[*words, '--threads', '1']!r});"
        "import threadpoolctl, torch;"
        "print(torch.get_num_threads(), *{one['num_threads'] for one in threadpoolctl.threadpool_info()})"
    )
    assert run(code)[-1] == "1 1"


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_number_of_threads_that_cannot_be_is_refused(
    count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["restore", "scan.nii", "--detect", "--output", str(tmp_path), f"--threads={count}"])
    assert ended.value.code == 2
    assert f"expected a number of threads from 1, got '{count}'" in capsys.readouterr().err
