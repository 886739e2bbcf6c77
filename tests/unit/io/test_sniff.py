"""Only regular files are opened, and links that lead nowhere or back are noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dicom_phantom import Phantom

from medpaint.core.errors import InputError
from medpaint.io.sniff import files_below, kind_of


def test_a_pipe_a_device_and_a_link_to_them_are_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nii")
    (tmp_path / "link.nii").symlink_to("pipe.nii")
    for path, kind in (
        (tmp_path / "pipe.nii", "a pipe"),
        (tmp_path / "link.nii", "a pipe"),
        (Path("/dev/zero"), "a device"),
    ):
        with pytest.raises(InputError, match=f"cannot read {path}: expected a regular file, got {kind}"):
            kind_of(path)


def test_a_name_that_is_too_long_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        kind_of(tmp_path / ("x" * 300))


def test_a_link_to_nothing_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").symlink_to("annex/objects/scan.nii.gz")
    with pytest.raises(InputError, match="a link to nothing: fetch its content first"):
        kind_of(tmp_path / "scan.nii.gz")


def test_a_slice_that_was_not_fetched_is_not_taken_for_absent(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "series")[0].unlink()
    (tmp_path / "series" / "0.dcm").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"0\.dcm: a link to nothing"):
        kind_of(tmp_path / "series")


def test_a_link_back_to_a_folder_above_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").touch()
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    os.mkfifo(tmp_path / "a" / "pipe")
    assert list(files_below(tmp_path / "a")) == [tmp_path / "a" / "x"]
