"""What a file is, and the one function that reads any scan."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.io.reading import read_scan
from medpaint.io.sniff import kind_of

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

DATA = np.arange(60, dtype=np.int16).reshape(5, 4, 3)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Return one file of every ending."""
    paths = {
        ending: tmp_path / f"scan{ending}" for ending in (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
    }
    for ending, path in paths.items():
        if ending.startswith(".nii"):
            nib.save(nib.Nifti1Image(DATA, np.eye(4)), path)
        else:
            sitk.WriteImage(sitk.GetImageFromArray(DATA.T), str(path))
    return paths


def test_the_kind_is_recognised_by_the_content(images: dict[str, Path], tmp_path: Path) -> None:
    kinds = {".nii": "nifti", ".nrrd": "nrrd", ".nhdr": "nrrd", ".mha": "metaimage", ".mhd": "metaimage"}
    for ending, path in images.items():
        misnamed = tmp_path / f"{ending[1:]}.txt"
        misnamed.write_bytes(path.read_bytes())
        assert kind_of(misnamed) == kinds.get(ending, "nifti")


def test_every_kind_is_read_the_same(images: dict[str, Path]) -> None:
    for ending, path in images.items():
        volume, source = read_scan(path)
        np.testing.assert_array_equal(volume.data, DATA)
        assert source.suffix == ending
        assert source.facts["frames"] == 1


def test_the_kind_of_a_damaged_file_is_recognised_by_its_name(tmp_path: Path) -> None:
    for name, kind in (("a.nii.gz", "nifti"), ("a.nhdr", "nrrd"), ("a.MHA", "metaimage"), ("a.dcm", "dicom")):
        (tmp_path / name).write_bytes(b"\x1f\x8b broken")
        assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("content", "likeness"),
    [
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"some words\n", "a text file"),
        (b"\x1f\x8b\x08\x00aaaa", "a gzip archive of something else"),
        (b"\x00\xfe\xed", "an unknown format"),
    ],
)
def test_other_files_are_refused_with_their_apparent_kind(tmp_path: Path, content: bytes, likeness: str) -> None:
    (tmp_path / "scan.bin").write_bytes(content)
    with pytest.raises(UnreadableError, match=f"expected NIfTI.*looks like {likeness}"):
        kind_of(tmp_path / "scan.bin")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such path"):
        read_scan(tmp_path / "scan.nii")


def test_a_folder_is_a_scan_only_if_it_contains_dicom(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(DATA, np.eye(4)), tmp_path / "scan.nii")
    with pytest.raises(UnreadableError, match="no file in this folder is DICOM"):
        read_scan(tmp_path)
    Phantom().write(tmp_path / "series")
    assert kind_of(tmp_path) == "dicom"
    assert read_scan(tmp_path / "series")[1].kind == "dicom"


@pytest.mark.parametrize(
    "start", [b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100"]
)
def test_dicom_without_a_preamble_is_recognised(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "image").write_bytes(start)
    assert kind_of(tmp_path / "image") == "dicom"


def test_a_choice_without_alternatives_is_refused(images: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected no series"):
        read_scan(images[".nii"], series="1.2.3")
    Phantom().write(tmp_path / "series")
    with pytest.raises(UsageError, match="expected no frame"):
        read_scan(tmp_path / "series", frame=0)


def test_importing_readers_imports_none_of_their_libraries() -> None:
    code = (
        "import sys, medpaint.io.reading, medpaint.io.inspection;"
        "print([name for name in ('pydicom', 'nibabel', 'SimpleITK', 'torch') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
