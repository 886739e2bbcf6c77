"""DICOM series from scanners: read as other programs read them, refused for the right reason, written back."""

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
from dicom_phantom import validator_errors
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray

from medpaint.audit.verify import verify
from medpaint.core.errors import GeometryError, InputError, UnsupportedError
from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom import DicomSource, list_series, read_drawn, read_series
from medpaint.io.reading import read_scan
from medpaint.io.selection import Selection
from medpaint.io.source import Derivation
from medpaint.masks.grids import aligned
from medpaint.pipeline.restore import restore

pytestmark = pytest.mark.real

DERIVATION = Derivation("A block was filled.", "real:block")


def _canonical(data: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
    """Return voxels and affine with axes that point right, anterior and superior, as nearly as flips can."""
    orientations: Any = nib.orientations
    flips = orientations.io_orientation(affine)
    return orientations.apply_orientation(data, flips), affine @ orientations.inv_ornt_aff(flips, data.shape)


def _nifti(path: Path) -> tuple[NDArray[Any], Affine]:
    """Return the canonical intensities of a NIfTI file."""
    image: Any = nib.load(path)
    return _canonical(image.get_fdata(), image.affine)


@pytest.mark.parametrize(
    "name",
    [
        "anatomical/001",
        "anatomical/002_non_isotropic",
        "compressed/001",
        "compressed_j2k/001",
        "compressed_jpeg/001",
        "compressed_jpegls/001",
        "compressed_rle/001",
    ],
)
@pytest.mark.parametrize("ending", ["_ground_truth.nii.gz", "_ground_truth_reoriented.nii.gz"])
def test_volume_equals_the_reference(real_data: Path, name: str, ending: str) -> None:
    folder = real_data / "dicom" / "geometry-zoo" / "generic" / name
    volume, _ = read_series(folder)
    data, affine = _canonical(volume.intensities(), volume.affine)
    expected, expected_affine = _nifti(folder.with_name(folder.name + ending))
    np.testing.assert_allclose(affine, expected_affine, atol=1e-3)
    np.testing.assert_allclose(data, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failing/gantrytilting/001", r"gantry tilt: the slices step 14\.0 degrees off their normal"),
        ("failing/notavolume/001", "not a volume: all 4 slices lie at one position"),
        (
            "failing/sliceincrement/001",
            r"uneven spacing: 2 steps of 5\.000 mm and 1 step of 10\.000 mm; .* instance numbers do not skip",
        ),
        ("failing/sliceincrement/002", r"gantry tilt: the slices step 15\.5 degrees.*1 slice is missing"),
        ("failing/sliceorientation/001", "2 orientations.*2 sagittal.*2 axial"),
    ],
)
def test_series_that_form_no_volume_are_refused(real_data: Path, name: str, reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        read_series(real_data / "dicom" / "geometry-zoo" / name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("geometry-zoo/generic/rgb/001", r"Secondary Capture.*colour is not supported"),
        ("seg-dcmqi/liver.dcm", "Segmentation Storage"),
    ],
)
def test_images_of_another_kind_are_refused(real_data: Path, name: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        read_series(real_data / "dicom" / name)


def test_two_slices_are_read_with_a_warning(real_data: Path) -> None:
    folder = real_data / "dicom" / "geometry-zoo" / "failing" / "slicecount" / "001"
    volume, source = read_series(folder)
    assert source.warnings == ("two slices: the spacing cannot be checked",)
    data, affine = _canonical(volume.intensities(), volume.affine)
    expected, expected_affine = _nifti(folder.with_name("001_ground_truth.nii.gz"))
    np.testing.assert_allclose(affine, expected_affine, atol=1e-3)
    np.testing.assert_array_equal(data, expected)


def test_every_listed_series_can_be_read_or_is_refused_as_listed(real_data: Path) -> None:
    found = [one for one in list_series(real_data / "dicom") if one.path.name != "generic"]
    assert len(found) > 25
    for one in found:
        if one.restorable:
            volume, _ = read_series(one.path, series=one.name)
            assert (volume.shape, volume.spacing_mm) == (one.shape, one.spacing_mm)
        else:
            with pytest.raises(InputError) as caught:
                read_series(one.path, series=one.name)
            assert one.reason in str(caught.value)


def test_an_absent_slice_is_put_back(real_data: Path, tmp_path: Path) -> None:
    whole = real_data / "dicom" / "geometry-zoo" / "generic" / "anatomical" / "001"
    (tmp_path / "scan").mkdir()
    for file in sorted(whole.iterdir()):
        if "-0003-" not in file.name:
            shutil.copy(file, tmp_path / "scan")
    done = restore(tmp_path / "scan", output=tmp_path / "out", engine="biharmonic", absent_slices=True)
    assert done.volume.shape == (256, 256, 4)
    assert done.mask.all(axis=(0, 1)).tolist() == [False, True, False, False]
    assert done.products is not None
    assert not verify(done.products.record).problems


MANY = [
    "geometry-zoo/philips_enhanced/anatomical/001",
    "geometry-zoo/siemens_multiframe/anatomical/001",
    "mr-enhanced-xa30/In/5_anat-T1w_acq-tfl",
    "mr-mosaic/In/Orientation/ax/axasc35",
    "mr-mosaic/In/Orientation/cor/corasc35",
    "mr-mosaic/In/Orientation/sag/sagasc35",
    "mr-mosaic/In/Orientation/axmb/AxAsc36mb2a",
    "mr-mosaic/In/Orientation/axmb/AxInt36mb",
]
"""Enhanced images and mosaics, the mosaics with two time points each."""


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")
@pytest.mark.parametrize("name", MANY)
def test_multi_slice_files_match_dcm2niix(real_data: Path, tmp_path: Path, name: str) -> None:
    folder = real_data / "dicom" / name
    found = list_series(folder)
    expected, expected_affine = _converted(folder, tmp_path / "out")
    times = np.moveaxis(expected, 3, 0) if expected.ndim == 4 else expected[np.newaxis]
    assert len(found) == len(times)
    for one, time in zip(found, times, strict=True):
        volume, _ = read_series(folder, series=one.name)
        data, affine = _canonical(volume.data, volume.affine)
        np.testing.assert_allclose(affine, expected_affine, atol=1e-3)
        np.testing.assert_allclose(data, time / _scale_of(data, time), rtol=1e-4)


def _scale_of(stored: NDArray[Any], converted: NDArray[Any]) -> float:
    """Return the factor that dcm2niix applies to stored values: Philips has a private scale besides the
    standard's."""
    return float(converted.max() / stored.max())


@pytest.mark.parametrize("ending", ["_ground_truth.nii.gz", "_ground_truth_reoriented.nii.gz"])
@pytest.mark.parametrize("name", MANY[:2])
def test_enhanced_image_equals_the_reference(real_data: Path, name: str, ending: str) -> None:
    folder = real_data / "dicom" / name
    volume, _ = read_series(folder)
    data, affine = _canonical(volume.intensities(), volume.affine)
    expected, expected_affine = _nifti(folder.with_name(folder.name + ending))
    np.testing.assert_allclose(affine, expected_affine, atol=1e-3)
    np.testing.assert_allclose(data, np.squeeze(expected), rtol=1e-5)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("name", MANY)
def test_multi_slice_files_are_written_back_valid(real_data: Path, tmp_path: Path, name: str) -> None:
    folder = real_data / "dicom" / name
    found = list_series(folder)[0]
    volume, source = read_series(folder, series=found.name)
    mask = np.zeros(volume.shape, bool)
    mask[10:20, 10:20, 2] = True
    data = volume.data.copy()
    data[mask] = data[mask] // 2 + 3
    source.write(data, mask, tmp_path / "out", DERIVATION)
    assert not validator_errors(tmp_path / "out" / "0001.dcm") - validator_errors(source.files[0])
    again, _ = read_series(tmp_path / "out", series=Selection(series=found.name).in_product().series)
    np.testing.assert_array_equal(again.data, data)
    np.testing.assert_array_equal(again.affine, volume.affine)


def _reference(path: Path, scan: Volume, label: int | None) -> Mask:
    """Return a mask that dcmqi drew, on the grid of a scan."""
    read, _ = read_scan(path)
    mask, _ = aligned(read.data == label if label else read.data != 0, read.affine, scan)
    return mask


@pytest.mark.parametrize(
    ("scan", "segmentation", "label", "reference", "value"),
    [
        ("ct-3slice", "liver.dcm", (), "liver_seg.nrrd", None),
        ("ct-3slice", "partial_overlaps.dcm", (1,), "partial_overlaps-1.nrrd", 1),
        ("ct-3slice", "partial_overlaps.dcm", ("ORANGE",), "partial_overlaps-2.nrrd", 2),
        ("ct-3slice", "partial_overlaps.dcm", (3,), "partial_overlaps-3.nrrd", 3),
        ("ct-3slice", "partial_overlaps.dcm", ("LIGHT_BLUE",), "partial_overlaps-1.nrrd", 4),
        ("24x38x3/image", "sparse-labelmap-noppv.dcm", (), "sparse_labelmap_noppv_seg.nrrd", 1),
        ("24x38x3/image", "sparse-labelmap-ppv5.dcm", (), "sparse_labelmap_ppv5_seg.nrrd", 1),
        ("23x38x3/image", "23x38x3/seg/label.seg", (), "23x38x3/nrrd/label.nrrd", None),
        ("24x38x3/image", "24x38x3/seg/label.seg", (), "24x38x3/nrrd/label.nrrd", None),
    ],
)
def test_segments_match_dcmqi(
    real_data: Path, scan: str, segmentation: str, label: tuple[int | str, ...], reference: str, value: int | None
) -> None:
    folder = real_data / "dicom" / "seg-dcmqi"
    volume, source = read_series(folder / scan)
    drawn = read_drawn(folder / segmentation, volume, str(source.facts["series_uid"]), label)
    np.testing.assert_array_equal(drawn.values, _reference(folder / reference, volume, value))


def test_clinical_contours_match_matplotlib(real_data: Path) -> None:
    folder = real_data / "dicom" / "mr-thigh-sts-001"
    volume, source = read_series(folder / "image")
    file = folder / "mask" / "1-1.dcm"
    drawn = read_drawn(file, volume, str(source.facts["series_uid"]), ("GTV_Mass",))
    expected = np.zeros(volume.shape, bool)
    centres = np.stack(np.meshgrid(*map(np.arange, volume.shape[:2]), indexing="ij"), axis=-1).reshape(-1, 2)
    to_index = np.linalg.inv(volume.affine)
    for contour in pydicom.dcmread(file).ROIContourSequence[0].ContourSequence:
        ras = np.array(contour.ContourData, float).reshape(-1, 3) * [-1.0, -1.0, 1.0]
        index = ras @ to_index[:3, :3].T + to_index[:3, 3]
        inside = Polygon(index[:, :2]).contains_points(centres).reshape(volume.shape[:2])
        expected[:, :, round(float(index[0, 2]))] ^= inside
    assert np.count_nonzero(drawn.values != expected) <= 1e-4 * np.count_nonzero(expected)


SERIES = ["ct-liver-crlm-1004/image", "mr-thigh-sts-001/image"]


@pytest.fixture(scope="module", params=SERIES)
def restored(
    request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Array, Mask, DicomSource, Path]:
    """Return a changed scan, its mask and source, and the folder of the derived series."""
    volume, source = read_series(real_data / "dicom" / request.param)
    mask = np.zeros(volume.shape, bool)
    mask[200:240, 250:300, 18:21] = True
    data = volume.data.copy()
    data[mask] = data[mask] // 2 + 3
    folder = tmp_path_factory.mktemp("derived") / "series"
    source.write(data, mask, folder, DERIVATION)
    return data, mask, source, folder


Restored = tuple[Array, Mask, DicomSource, Path]


def test_derived_series_reads_back(restored: Restored) -> None:
    data, _, source, folder = restored
    volume, derived = read_series(folder)
    np.testing.assert_array_equal(volume.data, data)
    original, _ = read_series(source.path)
    np.testing.assert_array_equal(volume.affine, original.affine)
    assert derived.facts["transfer_syntax"] == source.facts["transfer_syntax"]


def test_untouched_slices_keep_their_bytes(restored: Restored) -> None:
    _, mask, source, folder = restored
    for index, file in enumerate(source.files):
        old, new = (pydicom.dcmread(one).PixelData for one in (file, folder / f"{index + 1:04d}.dcm"))
        assert (old == new) == (not mask[:, :, index].any())


def test_derived_series_is_the_same_on_every_run(restored: Restored, tmp_path: Path) -> None:
    data, mask, source, folder = restored
    source.write(data, mask, tmp_path / "again", DERIVATION)
    for file in folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


def _itk(folder: Path) -> SimpleITK.Image:
    """Return a series as ITK reads it."""
    reader: Any = SimpleITK.ImageSeriesReader
    return SimpleITK.ReadImage(reader.GetGDCMSeriesFileNames(str(folder)))


def test_itk_reads_the_grid_of_the_source(restored: Restored) -> None:
    data, _, source, folder = restored
    original, derived = _itk(source.path), _itk(folder)
    for name in ("GetSpacing", "GetOrigin", "GetDirection", "GetSize"):
        assert getattr(derived, name)() == getattr(original, name)()
    encoding = read_series(folder)[0].encoding
    stored = (SimpleITK.GetArrayFromImage(derived).T - encoding.intercept) / encoding.slope
    np.testing.assert_array_equal(stored, data)


def _converted(folder: Path, out: Path) -> tuple[NDArray[Any], Affine]:
    """Return a series as dcm2niix converts it."""
    out.mkdir()
    subprocess.run(
        ["dcm2niix", "-z", "n", "-b", "n", "-f", "series", "-o", out, folder], check=True, capture_output=True
    )
    (file,) = out.glob("*.nii")
    return _nifti(file)


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")
def test_dcm2niix_converts_product_and_source_alike(restored: Restored, tmp_path: Path) -> None:
    _, mask, source, folder = restored
    old, old_affine = _converted(source.path, tmp_path / "old")
    new, new_affine = _converted(folder, tmp_path / "new")
    volume, _ = read_series(folder)
    values = volume.data * volume.encoding.slope + volume.encoding.intercept  # padding, too, is a number there
    data, affine = _canonical(values, volume.affine)
    kept, _ = _canonical((~mask).astype(np.uint8), volume.affine)
    np.testing.assert_array_equal(new_affine, old_affine)
    np.testing.assert_allclose(affine, new_affine, atol=1e-3)
    np.testing.assert_array_equal(new, data)
    np.testing.assert_array_equal(new[kept == 1], old[kept == 1])


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_validator_finds_no_new_error(restored: Restored) -> None:
    _, _, source, folder = restored
    for index, file in enumerate(source.files):
        new = validator_errors(folder / f"{index + 1:04d}.dcm") - validator_errors(file)
        assert not new


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("name", ["compressed", "compressed_jpeg", "compressed_jpegls", "compressed_rle"])
def test_compressed_series_are_written_uncompressed_and_valid(real_data: Path, tmp_path: Path, name: str) -> None:
    folder = real_data / "dicom" / "geometry-zoo" / "generic" / name / "001"
    volume, source = read_series(folder)
    mask = np.zeros(volume.shape, bool)
    mask[10:20, 10:20, 1] = True
    source.write(volume.data, mask, tmp_path / "out", DERIVATION)
    again, derived = read_series(tmp_path / "out")
    np.testing.assert_array_equal(again.data, volume.data)
    assert derived.facts["transfer_syntax"] == "Explicit VR Little Endian"
    new = validator_errors(tmp_path / "out" / "0001.dcm") - validator_errors(source.files[0])
    assert not new
