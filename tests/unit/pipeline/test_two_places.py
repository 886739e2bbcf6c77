"""A scan whose header states two places is filled where its mask was drawn, and the record says so."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from medpaint.core.errors import MaskError
from medpaint.core.types import Affine
from medpaint.phantoms import head
from medpaint.pipeline.restore import restore

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

SHAPE = (20, 18, 16)
HERE: Affine = np.array([[1.0, 0, 0, -10], [0, 1, 0, -9], [0, 0, 1, -8], [0, 0, 0, 1]])
MIRRORED: Affine = np.array([[-1.0, 0, 0, 9], [0, 1, 0, -9], [0, 0, 1, -8], [0, 0, 0, 1]])
HOLE = np.zeros(SHAPE, np.uint8)
HOLE[5:8, 8:11, 6:9] = 1


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Write a scan whose qform mirrors its sform."""
    image = nib.Nifti1Image((head(SHAPE, (8.0, 8.0, 8.0)) * 1000).astype(np.int16), None)
    image.set_qform(MIRRORED, 1)
    image.set_sform(HERE, 2)
    nib.save(image, tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def test_a_mask_drawn_in_itk_is_filled_on_its_voxels(scan: Path, tmp_path: Path) -> None:
    drawn = sitk.GetImageFromArray(HOLE.T)
    drawn.CopyInformation(sitk.ReadImage(str(scan)))
    sitk.WriteImage(drawn, str(tmp_path / "drawn.nii.gz"))

    done = restore(scan, tmp_path / "drawn.nii.gz", output=tmp_path / "out", engine="biharmonic")

    np.testing.assert_array_equal(done.mask, HOLE == 1)
    assert done.record.read is not None
    assert done.record.mask is not None
    assert done.record.read.facts["forms"] == "differ by 19 mm"
    assert "qform (code 1), not by the sform (code 2)" in done.record.mask.warnings[0]
    assert done.products is not None
    for read in (nib.load, lambda path: sitk.ReadImage(str(path))):
        first, second = read(scan), read(done.products.mask)
        if read is nib.load:
            np.testing.assert_array_equal(first.affine, second.affine)
        else:
            assert first.GetDirection() == second.GetDirection()
            assert first.GetOrigin() == second.GetOrigin()


def test_warnings_about_the_mask_say_so(tmp_path: Path) -> None:
    for name, data in (("scan", head(SHAPE, (8.0, 8.0, 8.0))), ("mask", HOLE)):
        image = nib.Nifti1Image(data, None)
        image.to_filename(tmp_path / f"{name}.nii")
    found = restore(tmp_path / "scan.nii", tmp_path / "mask.nii", engine="nearest").record.warnings
    guess = "Neither qform nor sform is set: left and right are a guess."
    assert found == (guess, f"mask: {guess}")


def test_a_mask_on_a_coarser_grid_is_refused_even_to_resample(scan: Path, tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HOLE[::2, ::2, ::2], HERE @ np.diag([2.0, 2, 2, 1])), tmp_path / "coarse.nii.gz")
    with pytest.raises(MaskError, match="does not state one place"):
        restore(scan, tmp_path / "coarse.nii.gz", resample_mask=True)


def test_contours_are_refused(scan: Path, tmp_path: Path) -> None:
    for given in (scan, nib.load(scan)):
        with pytest.raises(MaskError, match="contours have only a place in space, and the scan states several"):
            restore(given, contours(tmp_path / "rt.dcm"))


def test_images_in_memory_are_treated_like_their_files(scan: Path, tmp_path: Path) -> None:
    drawn = sitk.GetImageFromArray(HOLE.T)
    drawn.CopyInformation(sitk.ReadImage(str(scan)))
    mirrored = nib.load(scan)
    mask = nib.Nifti1Image(HOLE, mirrored.affine, mirrored.header)
    nib.save(mask, tmp_path / "mask.nii.gz")
    sitk.WriteImage(drawn, str(tmp_path / "drawn.nii.gz"))
    for in_memory, path in ((drawn, "drawn.nii.gz"), (mask, "mask.nii.gz")):
        found = restore(mirrored, in_memory, engine="biharmonic")
        expected = restore(scan, tmp_path / path, engine="biharmonic")
        np.testing.assert_array_equal(found.mask, HOLE == 1)
        np.testing.assert_array_equal(found.volume.data, expected.volume.data)
        assert found.record.read is not None
        assert found.record.read.facts["forms"] == "differ by 19 mm"
        assert any("differ by up to 19 mm" in warning for warning in found.record.read.warnings)
        assert found.record.warnings == expected.record.warnings


def test_a_mask_in_memory_that_fits_neither_place_is_refused(scan: Path) -> None:
    coarse = nib.Nifti1Image(HOLE[::2, ::2, ::2], HERE @ np.diag([2.0, 2, 2, 1]))
    with pytest.raises(MaskError, match="does not state one place"):
        restore(nib.load(scan), coarse, resample_mask=True)


def contours(path: Path) -> Path:
    """Write a structure set with a square in one slice."""
    dataset, region, item, contour = Dataset(), Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = RTStructureSetStorage, "1.2.3.8.1", "RTSTRUCT"
    region.ROINumber, region.ROIName = 1, "hole"
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
    contour.ContourData = ["3", "0", "0", "6", "0", "0", "6", "3", "0", "3", "3", "0"]
    item.ReferencedROINumber, item.ContourSequence = 1, [contour]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [region], [item]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, RTStructureSetStorage
    FileDataset(str(path), dataset, file_meta=meta, preamble=bytes(128)).save_as(path, enforce_file_format=True)
    return path
