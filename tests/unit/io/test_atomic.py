"""Files and folders appear whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from medpaint.core.errors import InputError, MedpaintError
from medpaint.io.atomic import replacing, replacing_folder
from medpaint.io.digest import combined_digest, file_digest


class KilledError(Exception):
    """Stands for whatever ends a writer early."""


def stop_after(_: int) -> None:
    """End the writer once something has been written."""
    raise KilledError


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "scan.nii.gz"
    with replacing(path) as part:
        assert part.name.endswith(".scan.nii.gz")
        part.write_text("whole")
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["scan.nii.gz"]
    assert path.read_text() == "whole"


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii"
    path.write_text("old")
    with pytest.raises(KilledError), replacing(path) as part:
        stop_after(part.write_text("half"))
    assert [file.name for file in tmp_path.iterdir()] == ["scan.nii"]
    assert path.read_text() == "old"


def test_the_leftover_of_a_killed_writer_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii"
    with replacing(path) as part:
        part.write_text("x")
    part.write_text("left over and longer")
    with replacing(path) as again:
        assert again == part
        assert not again.exists()
        again.write_text("new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["scan.nii"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").mkdir()
    with pytest.raises(MedpaintError, match="found a folder"), replacing(tmp_path / "scan.nii"):
        pass


@pytest.mark.parametrize("make", [replacing, replacing_folder])
def test_a_file_in_the_place_of_the_parent_is_refused(
    tmp_path: Path, make: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MedpaintError, match="cannot write"), make(tmp_path / "file" / "scan"):
        pass


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
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
    assert [file.name for file in tmp_path.iterdir()] == ["series"]


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "series"
    with replacing_folder(path) as part:
        (part / "old").write_text("x")
    with pytest.raises(KilledError), replacing_folder(path) as part:
        stop_after((part / "new").write_text("x"))
    assert [file.name for file in path.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["series"]


def test_leftovers_of_a_killed_folder_are_removed(tmp_path: Path) -> None:
    for name in (".part.series", ".old.series"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "left").write_text("x")
    with replacing_folder(tmp_path / "series") as part:
        (part / "new").write_text("x")
    assert [file.name for file in tmp_path.rglob("*")] == ["series", "new"]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
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
