"""What must not become a volume silently, and the reason that is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import AXIAL, SAGITTAL, Phantom
from pydicom import Dataset, FileDataset
from pydicom.data import get_testdata_file
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    JPEG2000Lossless,
    NuclearMedicineImageStorage,
    RLELossless,
    RTDoseStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundMultiFrameImageStorage,
)

from medpaint.core.errors import GeometryError, InputError, UnreadableError, UnsupportedError
from medpaint.io.dicom import list_series, read_series


def _setting(**values: object) -> Callable[[FileDataset, int], None]:
    """Return a change that sets attributes of every slice."""

    def change(dataset: FileDataset, _index: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def _setting_one(**values: object) -> Callable[[FileDataset, int], None]:
    """Return a change that sets attributes of the third slice."""

    def change(dataset: FileDataset, index: int) -> None:
        if index == 2:
            _setting(**values)(dataset, index)

    return change


def _deleting(keyword: str) -> Callable[[FileDataset, int], None]:
    """Return a change that deletes an attribute of the third slice."""

    def change(dataset: FileDataset, index: int) -> None:
        if index == 2:
            del dataset[keyword]

    return change


def _class(uid: str, **values: object) -> Callable[[FileDataset, int], None]:
    """Return a change of the class, and of attributes, of every slice."""

    def change(dataset: FileDataset, index: int) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(uid)
        _setting(**values)(dataset, index)

    return change


SUPPORTED = r"not supported \(CT, MR and PET images are, single-frame or enhanced\)"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            _class(UltrasoundMultiFrameImageStorage, SamplesPerPixel=3, PhotometricInterpretation="RGB"),
            rf"Ultrasound Multi-frame Image Storage: {SUPPORTED}; colour is not supported in any format",
        ),
        (
            _class(SecondaryCaptureImageStorage, PhotometricInterpretation="PALETTE COLOR"),
            rf"Secondary Capture Image Storage: {SUPPORTED}; colour is not supported in any format",
        ),
        (
            _class(RTDoseStorage),
            rf"RT Dose Storage: {SUPPORTED}; convert a volume of another kind to NIfTI, NRRD or MetaImage",
        ),
        (
            _class(NuclearMedicineImageStorage, NumberOfFrames=4),
            rf"Nuclear Medicine Image Storage: {SUPPORTED}; convert",
        ),
        (_class("1.2.3.4.5"), rf"SOP class 1\.2\.3\.4\.5: {SUPPORTED}; convert"),
        (_class(SegmentationStorage), "Segmentation Storage: a mask, not a scan; use it with --mask"),
        (
            _class("1.2.840.10008.5.1.4.1.1.66.7"),
            "Label Map Segmentation Storage: a mask, not a scan; use it with --mask",
        ),
        (
            _class(BasicTextSRStorage, Rows=0),
            "Basic Text SR Storage: not an image; choose a series of CT, MR or PET",
        ),
    ],
)
def test_other_classes_are_refused_by_name_with_the_way_out(
    tmp_path: Path, change: Callable[[FileDataset, int], None], reason: str
) -> None:
    Phantom(change=change).write(tmp_path)
    with pytest.raises(
        UnsupportedError, match=f"expected one CT, MR or PET volume in series 1.2.3.4, got: {reason}"
    ):
        read_series(tmp_path)
    (found,) = list_series(tmp_path)
    assert not found.restorable
    assert re.match(reason, found.reason)
    assert found.reason.startswith(str(found.facts["sop_class"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_setting(NumberOfFrames=8), "8 frames in a file of a single-frame class"),
        (_setting(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "a Siemens mosaic"),
        (_setting(SamplesPerPixel=3, PhotometricInterpretation="RGB"), r"3 samples per pixel.*RGB"),
        (_setting(PhotometricInterpretation="PALETTE COLOR"), "PALETTE COLOR"),
        (_setting(RescaleSlope="0"), "a rescale slope of 0"),
        (_setting(ModalityLUTSequence=[Dataset()]), "a modality lookup table"),
        (_deleting("SOPInstanceUID"), r"no SOPInstanceUID, .* \(1 of 4 files\)"),
        (_setting(HighBit=13), "12 bits stored in 16, high bit 13"),
        (_setting(BitsStored=17), "17 bits stored in 16"),
        (_setting_one(NumberOfFrames=8), r"8 frames in a file .* \(1 of 4 files\)"),
    ],
)
def test_other_kinds_of_images_are_refused(
    tmp_path: Path, change: Callable[[FileDataset, int], None], reason: str
) -> None:
    Phantom(change=change).write(tmp_path)
    with pytest.raises(UnsupportedError, match=reason):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_deleting("ImagePositionPatient"), "1 of 4 files without a valid ImagePositionPatient"),
        (_deleting("ImageOrientationPatient"), "1 of 4 files without a valid ImageOrientationPatient"),
        (_deleting("PixelSpacing"), "1 of 4 files without a valid PixelSpacing"),
        (_setting(PixelSpacing=["0", "0"]), "4 of 4 files without a valid PixelSpacing"),
        (_setting(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "4 of 4 files without a valid ImageOrientation"),
        (_setting_one(ImageOrientationPatient=list(SAGITTAL)), r"2 orientations.*: 3 axial .*, 1 sagittal"),
        (
            _setting_one(PixelSpacing=["0.8", "0.5"]),
            r"mixed pixel spacings: from 0\.7500x0\.5000 to 0\.8000x0\.5000",
        ),
        (_setting_one(Rows=4), r"mixed sizes: 3 of 6x5, 1 of 4x5"),
        (_setting_one(BitsStored=16, HighBit=15), r"mixed bits: 3 of 12 in 16, signed, 1 of 16 in 16, signed"),
        (_setting_one(PhotometricInterpretation="MONOCHROME1"), "mixed photometric interpretations"),
        (_setting_one(FrameOfReferenceUID="1.9"), "mixed frames of reference: 3 of 1.2.3.9, 1 of 1.9"),
        (_setting_one(SOPInstanceUID="1.2.3.4.1"), "1 files repeat the SOPInstanceUID of another"),
    ],
)
def test_mixed_slices_are_refused(tmp_path: Path, change: Callable[[FileDataset, int], None], reason: str) -> None:
    Phantom(change=change).write(tmp_path)
    with pytest.raises(GeometryError, match=reason):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("heights", "reason"),
    [
        ((5, 5, 5, 5), "not a volume: all 4 slices lie at one position"),
        ((0, 0, 2, 2), "4 slices lie at 2 positions"),
        ((0, 2, 4, 8), r"1 slice is missing, the common step being 2\.00 mm: 1 after 4\.00 mm .*step 4\.00 mm"),
        ((0, 6, 8, 10), r"2 slices are missing, .*: 2 after 0\.00 mm along the normal \(step 6\.00 mm\)"),
        ((0, 2, 6, 12), r"3 slices are missing, .*: 1 after 2\.00 mm .*, 2 after 6\.00 mm"),
        ((0, 2, 4, 5), r"uneven spacing: steps from 1\.000 to 2\.000 mm"),
        ((0, 2, 4.5, 6.5), r"uneven spacing: steps from 2\.000 to 2\.500 mm"),
        ((0, 2, 4.5, 8.5), r"uneven spacing: steps from 2\.000 to 2\.500 mm.*1 slice is missing"),
    ],
)
def test_uneven_steps_along_the_normal_are_refused(
    tmp_path: Path, heights: tuple[float, ...], reason: str
) -> None:
    positions = [(0, 0, height) for height in heights]
    Phantom(positions=positions, change=_setting(InstanceNumber=None)).write(tmp_path)
    with pytest.raises(GeometryError, match=reason):
        read_series(tmp_path)


def test_positions_along_the_normal_not_along_z(tmp_path: Path) -> None:
    places = [(-x, 0, 0) for x in (0.0, 1.0, 2.0, 4.0)]
    Phantom(orientation=SAGITTAL, positions=places, step_mm=1.0, change=_setting(InstanceNumber=None)).write(
        tmp_path
    )
    with pytest.raises(GeometryError, match=r"1 after 2\.00 mm along the normal"):
        read_series(tmp_path)


def test_tilt_and_gap_are_both_reported(tmp_path: Path) -> None:
    slope = np.tan(np.radians(14.0))
    places = [(0, slope * height, height) for height in (0.0, 5.0, 10.0, 20.0)]
    Phantom(orientation=AXIAL, positions=places, step_mm=5.0, change=_setting(InstanceNumber=None)).write(tmp_path)
    with pytest.raises(GeometryError, match=r"gantry tilt: the slices step 14\.0 degrees.*1 slice is missing"):
        read_series(tmp_path)


def test_one_slice_shifted_in_its_plane(tmp_path: Path) -> None:
    Phantom(positions=[(0, 0, 0), (0, 0, 2), (3, 0, 4), (0, 0, 6)]).write(tmp_path)
    with pytest.raises(GeometryError, match=r"shifted in their plane, by 3\.00 mm at 4\.00 mm"):
        read_series(tmp_path)


def test_positions_rounded_by_the_header_are_even(tmp_path: Path) -> None:
    Phantom(positions=[(0, 0, round(index * 0.625, 2)) for index in range(4)]).write(tmp_path)
    assert read_series(tmp_path)[0].spacing_mm[2] == pytest.approx(0.625, abs=0.005)


def test_one_slice_without_depth(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        del dataset.SliceThickness

    Phantom(shape=(3, 4, 1), change=change).write(tmp_path)
    with pytest.raises(GeometryError, match="one slice, with neither SpacingBetweenSlices nor SliceThickness"):
        read_series(tmp_path)


@pytest.mark.parametrize("rows", [7, 3])
def test_pixels_that_are_not_rows_by_columns(tmp_path: Path, rows: int) -> None:
    Phantom(change=_setting(Rows=rows)).write(tmp_path)
    with pytest.raises(UnreadableError, match=rf"0\.dcm: pixel data is .* {rows}x5 pixels of 16 bits"):
        read_series(tmp_path)


def test_truncated_file(tmp_path: Path) -> None:
    file = Phantom(shape=(40, 40, 3)).write(tmp_path)[1]
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(UnreadableError, match=r"1\.dcm"):
        read_series(tmp_path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_truncated_compressed_file(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    file = Phantom(shape=(40, 40, 3), syntax=syntax).write(tmp_path)[1]
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(UnreadableError, match=r"1\.dcm"):
        read_series(tmp_path)


def test_damaged_compressed_pixels(tmp_path: Path) -> None:
    file = Phantom(shape=(40, 40, 3), syntax=RLELossless).write(tmp_path)[1]
    content = bytearray(file.read_bytes())
    content[-1200:-100] = bytes(1100)
    file.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"transfer syntax RLE Lossless.*1\.dcm"):
        read_series(tmp_path)


def test_damaged_jpeg_ls_is_not_decoded_to_noise(tmp_path: Path) -> None:
    content = bytearray(Path(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm"))).read_bytes())
    content[-2000:-1500] = bytes(500)
    (tmp_path / "damaged.dcm").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"JPEG-LS.*damaged\.dcm"):
        read_series(tmp_path)


def test_compressed_size_that_contradicts_the_header(tmp_path: Path) -> None:
    files = Phantom(shape=(40, 40, 3), syntax=JPEG2000Lossless).write(tmp_path)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.Rows = 44
        dataset.save_as(file)
    with pytest.raises(UnreadableError, match="44x40"):
        read_series(tmp_path)


def test_missing_pixel_data(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        del dataset.PixelData

    Phantom(change=change).write(tmp_path)
    with pytest.raises(UnreadableError, match=r"0\.dcm: no pixel data"):
        read_series(tmp_path)


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found nothing"):
        read_series(tmp_path / "absent")
    with pytest.raises(UnreadableError, match="found none"):
        read_series(tmp_path)
