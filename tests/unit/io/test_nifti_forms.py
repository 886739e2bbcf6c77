"""A NIfTI header that states two places is read by one of them, and says so."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medpaint.core.errors import GeometryError
from medpaint.core.types import Affine
from medpaint.io.inspection import inspect
from medpaint.io.nifti import read_nifti

# nibabel does not say what types its functions take.
nib: Any = import_module("nibabel")

PLACE = np.array([[1.0, 0, 0, -20], [0, 1, 0, -20], [0, 0, 2, -15], [0, 0, 0, 1]])
DATA = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def shifted(millimetres: float) -> Affine:
    """Return the place moved to the right."""
    moved = PLACE.copy()
    moved[0, 3] += millimetres
    return moved


def saved(path: Path, qform: tuple[Affine, int], sform: tuple[Affine, int]) -> Path:
    """Save an image with these forms and codes."""
    image = nib.Nifti1Image(DATA, None)
    image.header.set_qform(*qform)
    image.header.set_sform(*sform)
    nib.save(image, path)
    return path


def test_forms_that_differ_are_named_with_their_distance(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", (shifted(14.0), 1), (PLACE, 4))
    volume, source = read_nifti(path)
    np.testing.assert_array_equal(volume.affine, PLACE)
    assert source.facts["forms"] == "differ by 14 mm"
    (warning,) = source.warnings
    assert "sform (code 4)" in warning
    assert "qform (code 1)" in warning
    assert "14 mm" in warning
    assert list(source.positions) == ["sform (code 4)", "qform (code 1)"]
    np.testing.assert_array_equal(source.positions["qform (code 1)"], shifted(14.0))


def test_an_inspection_names_the_difference_too(tmp_path: Path) -> None:
    (found,) = inspect(saved(tmp_path / "scan.nii", (shifted(14.0), 1), (PLACE, 4)))
    assert found.restorable
    assert found.facts["forms"] == "differ by 14 mm"
    assert "14 mm" in found.warnings[0]


def test_forms_that_differ_by_rounding_are_no_contradiction(tmp_path: Path) -> None:
    _, source = read_nifti(saved(tmp_path / "scan.nii", (shifted(0.1), 1), (PLACE, 1)))
    assert "forms" not in source.facts
    assert source.warnings == ()


@pytest.mark.parametrize("broken", [np.zeros((4, 4)), np.diag([1.0, 0.0, 1.0, 1.0]), np.full((4, 4), np.nan)])
def test_an_sform_that_spans_no_volume_gives_way_to_the_qform(tmp_path: Path, broken: Affine) -> None:
    volume, source = read_nifti(saved(tmp_path / "scan.nii", (PLACE, 1), (broken, 2)))
    np.testing.assert_array_equal(volume.affine, PLACE)
    (warning,) = source.warnings
    assert "sform (code 2) is set but spans no volume: the qform (code 1) is used" in warning


def test_a_qform_that_is_no_rotation_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", (PLACE, 1), (PLACE, 2))
    content = bytearray(path.read_bytes())
    content[256:260] = np.float32(3.0).tobytes()
    path.write_bytes(content)
    volume, source = read_nifti(path)
    np.testing.assert_array_equal(volume.affine, PLACE)
    assert "qform (code 1) is set but spans no volume" in source.warnings[0]


def test_a_header_without_a_usable_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"scan\.nii"):
        read_nifti(saved(tmp_path / "scan.nii", (PLACE, 0), (np.zeros((4, 4)), 1)))


def test_a_header_without_forms_is_read_as_nibabel_reads_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", (PLACE, 0), (PLACE, 0))
    volume, source = read_nifti(path)
    np.testing.assert_array_equal(volume.affine, nib.load(path).affine)
    assert len(source.positions) == 3


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan, np.inf])
def test_voxel_sizes_that_cannot_be_are_refused_where_they_are_needed(tmp_path: Path, size: float) -> None:
    path = tmp_path / "scan.nii"
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    for codes in ((0, 1), (0, 0), (1, 0)):
        image.set_sform(np.eye(4), codes[0])
        image.set_qform(np.eye(4), codes[1])
        content = bytearray(image.to_bytes())
        content[80:84] = np.float32(size).tobytes()
        path.write_bytes(content)
        if codes[0]:
            assert read_nifti(path)[0].spacing_mm == (1.0, 1.0, 1.0)
        else:
            with pytest.raises(GeometryError, match="expected positive voxel sizes in the header's pixdim"):
                read_nifti(path)
