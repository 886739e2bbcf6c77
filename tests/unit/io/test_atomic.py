"""Files and folders that appear complete or not at all, even if processes are killed or write at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from medpaint.core.errors import InputError, MedpaintError
from medpaint.io.atomic import replacing, replacing_folder
from medpaint.io.digest import combined_digest, file_digest

Replacing = Callable[[Path], AbstractContextManager[Path]]

ABANDONED = ".part.0123456789abcdef"
DAY_S = 24 * 3600.0


class KilledError(Exception):
    """Stands for anything that ends a writer early."""


def stop_after(_: int) -> None:
    """End the writer once something has been written."""
    raise KilledError


def python(code: str, *arguments: Path | str) -> subprocess.Popen[str]:
    """Start another process that runs some code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_writer(path: Path, function: str) -> None:
    """Start a process that writes to `path`, and kill it halfway."""
    code = f"""
import sys, time
from pathlib import Path
from medpaint.io.atomic import {function}
with {function}(Path(sys.argv[1])) as part:
    (part / "half" if part.is_dir() else part).write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""
    writer = python(code, path)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()


def names(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too."""
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "scan.nii.gz"
    with replacing(path) as part:
        assert part.name == "scan.nii.gz"
        part.write_text("whole")
        assert not path.exists()
    assert names(path.parent) == ["scan.nii.gz"]
    assert path.read_text() == "whole"


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii"
    path.write_text("old")
    with pytest.raises(KilledError), replacing(path) as part:
        stop_after(part.write_text("half"))
    assert names(tmp_path) == ["scan.nii"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("function", [replacing, replacing_folder])
def test_leftovers_of_a_killed_process_are_removed_by_the_next(tmp_path: Path, function: Replacing) -> None:
    kill_writer(tmp_path / "scan", function.__name__)
    assert len(names(tmp_path)) == 1
    with replacing(tmp_path / "another") as part:
        part.write_text("whole")
    assert names(tmp_path) == ["another"]


def test_a_folder_moved_aside_by_a_killed_process_is_restored(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "series") as part:
        hidden = part.parent
    (hidden / ".old.series").mkdir(parents=True)
    (tmp_path / "series").rmdir()
    with replacing(tmp_path / "another") as part:
        part.write_text("whole")
    assert names(tmp_path) == ["another", "series"]


def test_the_folder_of_a_running_process_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "scan") as part:
        part.write_text("first")
        with replacing(tmp_path / "another") as other:
            other.write_text("second")
        assert part.read_text() == "first"
    assert names(tmp_path) == ["another", "scan"]


def test_a_folder_of_another_machine_is_removed_after_a_day(tmp_path: Path) -> None:
    (tmp_path / ABANDONED).mkdir()
    for age_s, left in ((0.0, [ABANDONED, "scan"]), (DAY_S + 1.0, ["scan"])):
        os.utime(tmp_path / ABANDONED, times=(time.time() - age_s,) * 2)
        with replacing(tmp_path / "scan") as part:
            part.write_text("x")
        assert names(tmp_path) == left


def test_nothing_with_another_name_is_removed(tmp_path: Path) -> None:
    mine = [".part.scan", ".part.0123456789ABCDEF", f"{ABANDONED}0", "part.0123456789abcdef", ".old.scan"]
    for name in mine:
        (tmp_path / name).mkdir()
    (tmp_path / ABANDONED).write_text("a file")
    (tmp_path / ABANDONED.replace("0", "f")).symlink_to(tmp_path / mine[0])
    for entry in tmp_path.iterdir():
        os.utime(entry, times=(0, 0), follow_symlinks=False)
    before = names(tmp_path)
    with replacing(tmp_path / "scan") as part:
        part.write_text("x")
    assert names(tmp_path) == sorted([*before, "scan"])


@pytest.mark.parametrize("function", [replacing, replacing_folder])
def test_two_processes_that_write_the_same_path_both_succeed(tmp_path: Path, function: Replacing) -> None:
    code = f"""
import sys
from pathlib import Path
from medpaint.io.atomic import {function.__name__}
for number in range(50):
    with {function.__name__}(Path(sys.argv[1])) as part:
        for file in [part / "one", part / "two"] if part.is_dir() else [part]:
            file.write_text(sys.argv[2] * 1000)
"""
    path = tmp_path / "scan"
    writers = [python(code, path, letter) for letter in "ab"]
    ends = [writer.communicate() for writer in writers]
    assert [(writer.returncode, end) for writer, end in zip(writers, ends, strict=True)] == [(0, ("", ""))] * 2
    assert names(tmp_path) == ["scan"]
    found = [file.read_text() for file in (path.iterdir() if path.is_dir() else [path])]
    assert found in [[letter * 1000] * (2 if path.is_dir() else 1) for letter in "ab"]


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").mkdir()
    with pytest.raises(MedpaintError, match="found a folder"), replacing(tmp_path / "scan.nii"):
        pass


@pytest.mark.parametrize("function", [replacing, replacing_folder])
def test_a_file_in_place_of_the_parent_is_refused(tmp_path: Path, function: Replacing) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MedpaintError, match="cannot write"), function(tmp_path / "file" / "scan"):
        pass


def test_a_full_disk_is_reported_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(MedpaintError, match=r"cannot write .*: No space left on device"),
        replacing(tmp_path / "a"),
    ):
        raise OSError(28, "No space left on device")


def test_a_folder_is_swapped_whole(tmp_path: Path) -> None:
    path = tmp_path / "series"
    for content in ("one", "two"):
        with replacing_folder(path) as part:
            (part / "sub").mkdir()
            (part / "sub" / content).write_text(content)
    assert [file.name for file in path.rglob("*")] == ["sub", "two"]
    assert names(tmp_path) == ["series"]


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "series"
    with replacing_folder(path) as part:
        (part / "old").write_text("x")
    with pytest.raises(KilledError), replacing_folder(path) as part:
        stop_after((part / "new").write_text("x"))
    assert names(path) == ["old"]
    assert names(tmp_path) == ["series"]


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "series").write_text("x")
    with pytest.raises(MedpaintError, match="found a file"), replacing_folder(tmp_path / "series"):
        pass


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    digest = file_digest(tmp_path / "file")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert combined_digest([digest, digest]) != combined_digest([digest])
    with pytest.raises(InputError, match="cannot read"):
        file_digest(tmp_path / "none")
