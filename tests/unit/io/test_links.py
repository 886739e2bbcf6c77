"""Only files with bytes on a disk are opened, and a link to nothing says what to do."""

from __future__ import annotations

import os
import socket
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom

from medpaint.core.errors import InputError
from medpaint.io.inspection import inspect
from medpaint.io.reading import outline, read_scan
from medpaint.io.sniff import files_below

# SimpleITK does not say what types its functions take.
sitk: Any = import_module("SimpleITK")

FETCH = "a link to nothing: fetch its content first"


def test_a_link_to_nothing_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.symlink_to("fetched-later/scan.nii.gz")
    for look in (read_scan, outline, inspect):
        with pytest.raises(InputError, match=rf"scan\.nii\.gz: {FETCH}"):
            look(path)


def test_a_data_file_that_is_a_link_to_nothing_is_refused_too(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(tmp_path / "scan.mhd"))
    (tmp_path / "scan.raw").unlink()
    (tmp_path / "scan.raw").symlink_to("fetched-later/scan.raw")
    with pytest.raises(InputError, match=rf"scan\.raw: {FETCH}"):
        read_scan(tmp_path / "scan.mhd")


def test_a_series_with_a_slice_that_was_not_fetched_is_refused(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "scan")
    last = max((tmp_path / "scan").iterdir())
    last.unlink()
    last.symlink_to("fetched-later/slice.dcm")
    with pytest.raises(InputError, match=FETCH):
        read_scan(tmp_path / "scan")
    refused = [found for found in inspect(tmp_path) if not found.restorable]
    assert [found.path for found in refused] == [last]
    assert FETCH in refused[0].reason


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scan.nii")
    with pytest.raises(InputError, match="expected a regular file, got a pipe"):
        read_scan(tmp_path / "scan.nii")


def test_devices_and_sockets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got a device"):
        read_scan("/dev/zero")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
        with pytest.raises(InputError, match="got a socket"):
            read_scan(tmp_path / "s")


def test_a_data_file_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5), np.int16)), str(tmp_path / "scan.mhd"))
    (tmp_path / "scan.raw").unlink()
    os.mkfifo(tmp_path / "scan.raw")
    with pytest.raises(InputError, match="got a pipe"):
        read_scan(tmp_path / "scan.mhd")


def test_a_link_to_a_folder_above_is_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.txt").write_text("a")
    (tmp_path / "scans" / "again").symlink_to("..")
    assert [file.name for file in files_below(tmp_path)] == ["a.txt"]


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too long"):
        read_scan(tmp_path / ("x" * 300 + ".nii.gz"))
