"""Locks between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from medpaint.core.errors import LockedError, MedpaintError
from medpaint.io.locks import exclusive

COUNT = """
import sys
from pathlib import Path
from medpaint.core.errors import LockedError
from medpaint.io.locks import exclusive
done = 0
while done < 50:
    try:
        with exclusive(Path(sys.argv[1])):
            number = int(Path(sys.argv[2]).read_text())
            Path(sys.argv[2]).write_text(str(number + 1))
            done += 1
    except LockedError:
        continue
"""


def test_a_held_lock_is_refused_to_others(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".scan.lock"
    with exclusive(path), pytest.raises(LockedError, match="another process is writing there"), exclusive(path):
        pass
    with exclusive(path):
        pass
    assert not path.exists()


def test_a_lock_file_with_contents_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with exclusive(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_processes_take_turns_though_each_removes_the_file(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "lock"), str(tmp_path / "number")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (tmp_path / "number").read_text() == "100"


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MedpaintError, match="cannot write"), exclusive(tmp_path / "file" / "lock"):
        pass
