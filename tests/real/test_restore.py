"""Real scans of every kind: restored with a mask, verified, and read again by other programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray

import medpaint
from medpaint.core.volume import Volume
from medpaint.corrupt import lesion_blob
from medpaint.io.nifti import write_mask
from medpaint.layouts.plain import Products

pytestmark = pytest.mark.real

WITH_MASKS = (
    (
        "ms-patient26/FLAIR_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz",
        "lesion-masks/ms-mni/patient26_lesions.nii.gz",
    ),
    (
        "ms-patient26/T2_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz",
        "lesion-masks/ms-mni/patient26_lesions.nii.gz",
    ),
    ("ct-mr-sts/STS_002/CT_image.nii.gz", "ct-mr-sts/STS_002/CT_mask.nii.gz"),
    ("ct-mr-sts/STS_001/MR_T1_image.nii.gz", "ct-mr-sts/STS_001/MR_T1_mask.nii.gz"),
)
"""Scans that come with a mask of their lesion."""

NIFTI = (
    "t1w-brain-ds002748/train-1mm/sub-35_T1w.nii.gz",
    "t1w-brain-ds002748/original/sub-51/anat/sub-51_T1w.nii.gz",
    "head-ds000011/sub-01/anat/sub-01_T1w.nii.gz",
    "head-ds000011/sub-01/anat/sub-01_inplaneT2.nii.gz",
    "ms-patient12-raw/study1_FLAIR.nii.gz",
    "ms-patient12-raw/study1_T2W.nii.gz",
)

DICOM = (
    "dicom/mr-thigh-sts-001/image",
    "dicom/ct-liver-crlm-1004/image",
    "dicom/geometry-zoo/generic/anatomical/001",
    "dicom/geometry-zoo/generic/anatomical/002_non_isotropic",
    "dicom/geometry-zoo/generic/compressed/001",
    "dicom/geometry-zoo/generic/compressed_j2k/001",
    "dicom/geometry-zoo/generic/compressed_jpeg/001",
    "dicom/geometry-zoo/generic/compressed_jpegls/001",
    "dicom/geometry-zoo/generic/compressed_rle/001",
)

REFUSED = {
    "gantrytilting/001": "tilt",
    "notavolume/001": "one position",
    "sliceincrement/001": "missing",
    "sliceincrement/002": "tilt",
    "sliceorientation/001": "orientation",
}


def blob(scan: Volume) -> NDArray[np.bool_]:
    """Return a lesion-shaped hole in bright tissue, a few ml or a part of a small scan."""
    image = scan.intensities()
    tissue = image > np.nanpercentile(image, 70)
    volume_ml = min(5.0, 0.02 * scan.data.size * scan.voxel_ml)
    largest = np.argwhere(tissue)[len(np.argwhere(tissue)) // 2]
    i, j, k = (int(index) for index in largest)
    try:
        return lesion_blob(tissue, scan.spacing_mm, volume_ml=volume_ml, seed=1)
    except medpaint.InputError:
        mask = np.zeros(scan.shape, bool)
        mask[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3, k] = True
        return mask


def restored(scan: Path, mask: Path, output: Path) -> Products:
    """Restore a scan by the default engine, check its record, and return the products."""
    restoration = medpaint.restore(scan, mask, output=output)
    assert restoration.products is not None
    assert restoration.record.status == "restored"
    verdict = medpaint.verify(restoration.products.record, within=(output, scan.parent, mask.parent))
    assert verdict.holds, verdict.problems
    assert verdict.notes == ()
    changed = restoration.volume.intensities()[restoration.mask]
    assert np.isfinite(changed).all()
    return restoration.products


@pytest.mark.parametrize(("scan", "mask"), WITH_MASKS)
def test_a_lesion_is_filled_from_its_own_mask(real_data: Path, tmp_path: Path, scan: str, mask: str) -> None:
    products = restored(real_data / scan, real_data / mask, tmp_path)
    before, after = nib.load(real_data / scan), nib.load(products.restored)
    assert before.header == after.header


@pytest.mark.parametrize("scan", NIFTI)
def test_a_hole_in_a_nifti_scan_is_filled(real_data: Path, tmp_path: Path, scan: str) -> None:
    volume, _ = medpaint.read_scan(real_data / scan)
    write_mask(blob(volume), volume.affine, tmp_path / "mask.nii.gz")
    products = restored(real_data / scan, tmp_path / "mask.nii.gz", tmp_path / "out")
    assert nib.load(real_data / scan).header == nib.load(products.restored).header


@pytest.mark.parametrize("series", DICOM)
def test_a_dicom_product_has_the_same_geometry_in_other_programs(
    real_data: Path, tmp_path: Path, series: str
) -> None:
    volume, _ = medpaint.read_scan(real_data / series)
    write_mask(blob(volume), volume.affine, tmp_path / "mask.nii.gz")
    products = restored(real_data / series, tmp_path / "mask.nii.gz", tmp_path / "out")
    datasets = [pydicom.dcmread(path) for path in sorted(products.restored.iterdir())]
    assert len(datasets) == volume.shape[2]
    assert {dataset.ImageType[0] for dataset in datasets} == {"DERIVED"}
    again, _ = medpaint.read_scan(products.restored)
    assert np.allclose(again.affine, volume.affine)
    if volume.shape[2] > 1:
        assert_itk_agrees(products.restored, again)
        assert_dcm2niix_agrees(products.restored, again, tmp_path / "converted")


def all_intensities(volume: Volume) -> NDArray[np.float64]:
    """Return intensities as programs read them that do not know of padding."""
    found: NDArray[np.float64] = volume.data * volume.encoding.slope + volume.encoding.intercept
    return found


def assert_itk_agrees(folder: Path, volume: Volume) -> None:
    """Compare with the grid and the intensities that SimpleITK reads."""
    sitk: Any = SimpleITK
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    assert np.allclose(image.GetSpacing(), volume.spacing_mm, rtol=1e-3)
    lps = np.array(image.GetOrigin()) * [-1, -1, 1]
    assert np.allclose(lps, volume.affine[:3, 3], atol=1e-3)
    assert np.allclose(values, all_intensities(volume), rtol=1e-5, atol=1e-3)


def assert_dcm2niix_agrees(folder: Path, volume: Volume, output: Path) -> None:
    """Compare with the grid and the values that dcm2niix writes."""
    if shutil.which("dcm2niix") is None:
        pytest.skip("dcm2niix is not installed")
    output.mkdir()
    command = ["dcm2niix", "-o", str(output), "-z", "n", "-b", "n", "-x", "n", "-f", "product", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = output.glob("*.nii")
    converted, ours = (
        nib.as_closest_canonical(image)  # type: ignore[no-untyped-call]
        for image in (nib.load(path), nib.Nifti1Image(all_intensities(volume), volume.affine))  # type: ignore[no-untyped-call]
    )
    assert np.allclose(converted.affine, ours.affine, atol=1e-2)
    assert np.allclose(converted.get_fdata(), ours.get_fdata(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("series", REFUSED)
def test_a_series_that_forms_no_volume_is_refused_with_the_reason(real_data: Path, series: str) -> None:
    path = real_data / "dicom" / "geometry-zoo" / "failing" / series
    with pytest.raises(medpaint.InputError, match=REFUSED[series]):
        medpaint.restore(path)
    (finding,) = medpaint.inspect(path)
    assert not finding.restorable
    assert REFUSED[series] in finding.reason


def test_a_series_of_two_slices_is_read_with_a_warning(real_data: Path) -> None:
    restoration = medpaint.restore(real_data / "dicom/geometry-zoo/failing/slicecount/001")
    assert any("two slices" in warning for warning in restoration.record.warnings)


def test_a_clean_cohort_is_unchanged(real_data: Path) -> None:
    for scan in (*NIFTI, DICOM[0], DICOM[1], "ct-mr-sts/STS_003/CT_image.nii.gz"):
        volume, _ = medpaint.read_scan(real_data / scan)
        assert medpaint.detect(volume).findings == (), scan
