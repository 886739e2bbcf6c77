"""A real brain whose qform and sform put it in different places, with masks drawn in ITK and in nibabel."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import medpaint
from medpaint.core.types import Affine, Mask
from medpaint.io.inspection import inspect

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

pytestmark = pytest.mark.real

CONFLICTS = {
    "mirrored": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "shifted": np.array([[1.0, 0, 0, 8.0], [0, 1, 0, -9.0], [0, 0, 1, 7.0], [0, 0, 0, 1]]),
}
"""What moves the sform's world to the qform's, mm."""


@pytest.fixture(params=CONFLICTS)
def scan(request: pytest.FixtureRequest, real_data: Path, tmp_path: Path) -> Path:
    """Return the brain with an sform as it was made, and a qform that contradicts it."""
    found = next((real_data / "t1w-brain-ds002748" / "original").rglob("*.nii.gz"))
    image = nib.load(found)
    two = nib.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header)
    two.set_sform(image.affine, code=2)
    two.set_qform(CONFLICTS[request.param] @ image.affine, code=1)
    two.to_filename(tmp_path / "brain.nii")
    return tmp_path / "brain.nii"


def drawn(scan: Path) -> Mask:
    """Return a hole beside the midline, in voxels of the file, (I, J, K)."""
    shape = nib.load(scan).shape
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(2 * size // 5, 2 * size // 5 + 8) for size in shape)] = True
    return mask


def drawn_in_itk(scan: Path, path: Path) -> Path:
    """Write the hole as a program does that has the image from ITK: with the place that ITK states."""
    mask = sitk.GetImageFromArray(drawn(scan).astype(np.uint8).T)
    mask.CopyInformation(sitk.ReadImage(str(scan)))
    sitk.WriteImage(mask, str(path))
    return path


def drawn_by_one_form(scan: Path, path: Path, affine: Affine) -> Path:
    """Write the hole with one form only."""
    nib.Nifti1Image(drawn(scan).astype(np.uint8), affine).to_filename(path)
    return path


def test_hole_is_filled_where_it_was_drawn(scan: Path, tmp_path: Path) -> None:
    image = nib.load(scan)
    masks = [
        drawn_in_itk(scan, tmp_path / "itk.nii.gz"),
        drawn_by_one_form(scan, tmp_path / "qform.nii.gz", image.get_qform()),
        drawn_by_one_form(scan, tmp_path / "sform.nii.gz", image.get_sform()),
    ]
    for mask in masks:
        done = medpaint.restore(scan, mask, engine="nearest", max_fraction=1.0)
        assert np.array_equal(done.mask, drawn(scan)), mask.name
        assert any("differ by up to" in warning for warning in done.record.warnings)


def test_products_lie_on_the_scan_in_every_program(scan: Path, tmp_path: Path) -> None:
    mask = drawn_in_itk(scan, tmp_path / "itk.nii.gz")
    products = medpaint.restore(scan, mask, engine="nearest", output=tmp_path / "out").products
    assert products is not None
    ours = nib.load(scan).header
    for product in (products.restored, products.mask):
        theirs = nib.load(product).header
        for form in ("qform", "sform"):
            for got, expected in zip(
                getattr(theirs, f"get_{form}")(coded=True), getattr(ours, f"get_{form}")(coded=True), strict=True
            ):
                np.testing.assert_allclose(got, expected, atol=1e-5)
        seen, there = (sitk.ReadImage(str(path)) for path in (product, scan))
        np.testing.assert_allclose(seen.GetOrigin(), there.GetOrigin(), atol=1e-4)
        np.testing.assert_allclose(seen.GetDirection(), there.GetDirection(), atol=1e-6)


def test_conflict_is_named_with_its_size(scan: Path) -> None:
    found, *_ = inspect(scan)
    assert str(found.facts["forms"]).startswith("differ by")
    assert any("the image is read by the sform" in warning for warning in found.warnings)
