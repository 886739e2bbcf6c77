"""An inspection finds every image and says why one cannot be restored."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.inspection import inspect

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

DATA = np.random.default_rng(0).integers(0, 99, (20, 30, 12), np.int16)


def save_nifti(path: Path, data: np.ndarray = DATA) -> Path:
    """Save an image of 1 x 2 x 3 mm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([-1.0, 2.0, 3.0, 1.0])), path)
    return path


def test_a_file_is_described(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "scan.nii.gz")
    (found,) = inspect(path)
    assert (found.path, found.kind, found.name) == (path, "nifti", "scan.nii.gz")
    assert (found.shape, found.spacing_mm, found.dtype, found.axes) == (
        (20, 30, 12),
        (1.0, 2.0, 3.0),
        "int16",
        "LAS",
    )
    assert found.restorable
    assert not found.reason


def test_a_folder_is_searched_with_its_subfolders(tmp_path: Path) -> None:
    save_nifti(tmp_path / "b" / "scan.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(tmp_path / "a.mhd"))
    Phantom().write(tmp_path / "c" / "series")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".part.left.nii").write_bytes(b"left over")
    found = inspect(tmp_path)
    assert [finding.kind for finding in found] == ["metaimage", "nifti", "dicom"]
    assert all(finding.restorable for finding in found)


def test_refusals_become_reasons(tmp_path: Path) -> None:
    save_nifti(tmp_path / "4d.nii", np.zeros((3, 3, 3, 2), np.uint8))
    save_nifti(tmp_path / "complex.nii", np.zeros((3, 3, 3), np.complex64))
    (tmp_path / "empty.nrrd").write_bytes(b"")
    short = save_nifti(tmp_path / "short.nii")
    short.write_bytes(short.read_bytes()[:-1])
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(tmp_path / "without.mhd"))
    (tmp_path / "without.raw").unlink()
    reasons = {finding.name: finding.reason for finding in inspect(tmp_path) if not finding.restorable}
    assert len(reasons) == 5
    assert "--frame 0..1" in reasons["4d.nii"]
    assert "complex64" in reasons["complex.nii"]
    assert "not a NRRD file" in reasons["empty.nrrd"]
    assert "truncated" in reasons["short.nii"]
    assert "the data file that its header names is not there" in reasons["without.mhd"]


@pytest.mark.parametrize("frames", [(), (3,)])
def test_a_single_file_is_read_completely(tmp_path: Path, frames: tuple[int, ...]) -> None:
    path = save_nifti(tmp_path / "scan.nii.gz", np.resize(DATA, (20, 30, 12, *frames)))
    path.write_bytes(path.read_bytes()[:-100])
    (found,) = inspect(path)
    assert not found.restorable
    assert "truncated" in found.reason
    assert found.shape == (20, 30, 12, *frames)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none among 0 files"):
        inspect(tmp_path)
    with pytest.raises(InputError, match="no such path"):
        inspect(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UnreadableError, match="a text file"):
        inspect(tmp_path / "notes.txt")
