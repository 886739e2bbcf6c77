"""Small files that claim or expand to gigabytes are refused, whatever reads them, and little memory is taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bombs import BOMBS, SMALL
from scans import save

pytestmark = pytest.mark.slow

PEAK = {"deflated-below-limit": 900, "": 400}
"""Most memory, in MB. Eight files may be inflated to 64 MB at a time."""


def peak_and_code(*words: object) -> tuple[int, int]:
    """Run the command; return the memory that it or a process of its own took at most, in MB, and its code."""
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'medpaint', *sys.argv[1:]], stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, done.returncode)"
    )
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    peak, code = map(int, done.stdout.split())
    return peak, code


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("use", ["restore", "inspect", "mask"])
def test_bombs_are_refused_in_little_memory(tmp_path: Path, name: str, use: str) -> None:
    bomb = BOMBS[name](tmp_path)
    drawn_on = tmp_path / "made" / "scan"
    scan = drawn_on if drawn_on.exists() else save(SMALL, tmp_path / "plain.nii", np.eye(4))
    mask = save(SMALL > 510, tmp_path / "hole.nii", np.eye(4))
    words: dict[str, Callable[[], tuple[object, ...]]] = {
        "restore": lambda: ("restore", bomb, "--mask", mask, "--output", tmp_path / "out"),
        "inspect": lambda: ("inspect", bomb, "--deep"),
        "mask": lambda: ("restore", scan, "--mask", bomb, "--output", tmp_path / "out"),
    }
    peak, code = peak_and_code(*words[use]())
    assert code == (0 if use == "inspect" else 3)
    assert peak < PEAK.get(name, PEAK[""])
    assert not [path for path in (tmp_path / "out").glob("*") if path.name.startswith(".part")]
