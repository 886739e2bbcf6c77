"""Masks from DICOM segmentations and structure sets."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from medpaint.core.errors import AmbiguousError, MaskError, UnreadableError, UsageError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom import is_drawn, read_drawn, read_series
from medpaint.io.dicom.contours import enclosed
from medpaint.io.mask_image import numbered
from medpaint.io.reading import read_mask, read_scan
from medpaint.masks.grids import aligned

SERIES = "1.2.3.4"


def phantom() -> Phantom:
    return Phantom(shape=(12, 14, 6), orientation=OBLIQUE)


@pytest.fixture
def scan(tmp_path: Path) -> Volume:
    phantom().write(tmp_path / "scan")
    volume, _ = read_series(tmp_path / "scan")
    return volume


def blocks() -> list[Mask]:
    """Return two regions, (I, J, K)."""
    first, second = np.zeros((14, 12, 6), bool), np.zeros((14, 12, 6), bool)
    first[2:6, 3:8, 1:3] = True
    second[5:9, 3:8, 2:5] = True
    return [first, second]


def segmentation(folder: Path, kind: str = "BINARY", values: NDArray[np.float64] | None = None) -> Path:
    """Write a segmentation of two segments with frames only where there is something."""
    source = [pydicom.dcmread(file) for file in sorted((folder / "scan").iterdir())]
    algorithm = highdicom.AlgorithmIdentificationSequence("hand", codes.DCM.ArtificialIntelligence, "1")
    described = [
        highdicom.seg.SegmentDescription(
            number, name, codes.SCT.Tissue, codes.SCT.Tissue, "AUTOMATIC", algorithm_identification=algorithm
        )
        for number, name in ((1, "first"), (2, "second"))
    ]
    stacked = np.stack(blocks(), axis=-1).transpose(2, 1, 0, 3)
    written = highdicom.seg.Segmentation(
        source_images=source,
        pixel_array=stacked if values is None else values,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid="1.2.3.9",
        series_number=9,
        sop_instance_uid="1.2.3.9.1",
        instance_number=1,
        manufacturer="nobody",
        manufacturer_model_name="nothing",
        software_versions="0",
        device_serial_number="0",
    )
    written.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


@pytest.mark.parametrize("labels", [(1,), ("first",)])
def test_a_segment_is_selected_by_number_or_name(
    tmp_path: Path, scan: Volume, labels: tuple[int | str, ...]
) -> None:
    path = segmentation(tmp_path)
    assert is_drawn(path)
    drawn = read_drawn(path, scan, SERIES, labels)
    np.testing.assert_array_equal(drawn.values, blocks()[0])
    np.testing.assert_array_equal(drawn.affine, scan.affine)


def test_overlapping_segments_are_joined(tmp_path: Path, scan: Volume) -> None:
    drawn = read_drawn(segmentation(tmp_path), scan, SERIES, (1, "second"))
    np.testing.assert_array_equal(drawn.values, blocks()[0] | blocks()[1])


def test_several_segments_need_a_choice(tmp_path: Path, scan: Volume) -> None:
    path = segmentation(tmp_path)
    with pytest.raises(AmbiguousError, match=r"has 2 regions: 1 \(first\), 2 \(second\); choose with --labels"):
        read_drawn(path, scan, SERIES, ())
    with pytest.raises(MaskError, match=r"mask has no region third; it has 1 \(first\), 2 \(second\)"):
        read_drawn(path, scan, SERIES, ("third",))


def test_a_mask_of_another_series_is_refused(tmp_path: Path, scan: Volume) -> None:
    path = segmentation(tmp_path)
    with pytest.raises(MaskError, match=r"a mask of series 1\.2\.3\.5, got one that refers to 1\.2\.3\.4"):
        read_drawn(path, scan, "1.2.3.5", (1,))
    assert read_drawn(path, scan, "", (1,)).values.any()


def test_fractional_voxels_count_from_one_half(tmp_path: Path, scan: Volume) -> None:
    shares = np.zeros((6, 12, 14, 2))
    shares[1, 3, 4, 0], shares[1, 3, 5, 0] = 0.55, 0.45
    drawn = read_drawn(segmentation(tmp_path, "FRACTIONAL", shares), scan, SERIES, (1,))
    assert [tuple(spot) for spot in np.argwhere(drawn.values)] == [(4, 3, 1)]
    assert drawn.warnings == ("the segmentation is fractional: voxels that belong to it by 50% or more are taken",)


def test_a_segment_on_another_grid_keeps_its_own(tmp_path: Path, scan: Volume) -> None:
    path = segmentation(tmp_path)
    finer = scan.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    other = Volume.of(np.zeros((28, 24, 12), np.int16), finer)
    drawn = read_drawn(path, other, "", ("first",))
    assert not np.array_equal(drawn.affine, finer)
    assert drawn.values.sum() == blocks()[0].sum()
    with pytest.raises(MaskError, match="mask is on another grid than the scan"):
        aligned(drawn.values, drawn.affine, other)


def test_a_damaged_segmentation_is_refused(tmp_path: Path, scan: Volume) -> None:
    path = segmentation(tmp_path)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    with pytest.raises(UnreadableError, match="decodable pixels"):
        read_drawn(path, scan, SERIES, (1,))


def contours(folder: Path, polygons: list[NDArray[np.float64]], kind: str = "CLOSED_PLANAR") -> Path:
    """Write a structure set with one region of contours in patient space, LPS mm, (N, 3) each."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = RTStructureSetStorage, "1.2.3.8.1", "RTSTRUCT"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3.8", "1.2"
    series, study, frame, region = Dataset(), Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = SERIES
    study.RTReferencedSeriesSequence, frame.RTReferencedStudySequence = [series], [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    region.ROINumber, region.ROIName = 4, "hole"
    dataset.StructureSetROISequence = [region]
    item = Dataset()
    item.ReferencedROINumber, item.ContourSequence = 4, []
    for points in polygons:
        contour = Dataset()
        contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
        contour.ContourData = [f"{value:.6f}" for value in points.ravel()]
        item.ContourSequence.append(contour)
    dataset.ROIContourSequence = [item]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, RTStructureSetStorage
    whole = FileDataset(str(folder / "rt.dcm"), dataset, file_meta=meta, preamble=bytes(128))
    whole.save_as(folder / "rt.dcm", enforce_file_format=True)
    return folder / "rt.dcm"


def in_patient(scan: Volume, index: list[tuple[float, float, float]]) -> NDArray[np.float64]:
    """Return voxel indices in LPS mm, (N, 3)."""
    ras = np.array(index) @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    lps: NDArray[np.float64] = ras * np.array([-1.0, -1.0, 1.0])
    return lps


def square(low: float, high: float, k: float) -> list[tuple[float, float, float]]:
    return [(low, low, k), (high, low, k), (high, high, k), (low, high, k)]


def test_a_contour_encloses_voxel_centres_and_inner_ones_are_holes(tmp_path: Path, scan: Volume) -> None:
    path = contours(tmp_path, [in_patient(scan, square(1.6, 9.4, 2.1)), in_patient(scan, square(3.5, 6.5, 2.0))])
    drawn = read_drawn(path, scan, SERIES, ("hole",))
    expected = np.zeros(scan.shape, bool)
    expected[2:10, 2:10, 2] = True
    expected[4:7, 4:7, 2] = False
    np.testing.assert_array_equal(drawn.values, expected)


@pytest.mark.parametrize(
    ("corners", "kind", "message"),
    [
        (square(1.0, 5.0, 7.2), "CLOSED_PLANAR", "on the scan's 6 slices, got one at slice 7"),
        ([(1, 1, 0), (8, 1, 2), (8, 8, 4)], "CLOSED_PLANAR", "got one across slices near 2"),
        (square(1.0, 5.0, 2.0), "POINT", "expected closed planar contours, got POINT"),
    ],
)
def test_contours_between_slices_are_refused(
    tmp_path: Path, scan: Volume, corners: list[tuple[float, float, float]], kind: str, message: str
) -> None:
    with pytest.raises(MaskError, match=message):
        read_drawn(contours(tmp_path, [in_patient(scan, corners)], kind), scan, SERIES, ())


def test_a_contour_is_read_as_a_mask_of_its_scan(tmp_path: Path) -> None:
    phantom().write(tmp_path / "scan")
    volume, source = read_scan(tmp_path / "scan")
    path = contours(tmp_path, [in_patient(volume, square(3.5, 7.5, 3.0))])
    read = read_mask(path, volume, source, ())
    assert np.count_nonzero(read.values) == 16
    assert read.labels == ()


def test_labels_by_name_are_refused_where_labels_are_numbers() -> None:
    with pytest.raises(UsageError, match=r"expected labels by number.*got hole"):
        numbered(["hole", 1])


@given(st.integers(0, 2**32 - 1))
def test_two_halves_of_a_polygon_share_no_voxel_and_miss_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 8))
    corners = 8.0 + rng.choice([4.0, 7.5]) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = np.where(rng.random(corners.shape) < 0.4, np.rint(corners), corners)
    whole, first, second = (enclosed(part, (17, 17)) for part in (corners, corners[:5], corners[[4, 5, 6, 7, 0]]))
    np.testing.assert_array_equal(first ^ second, whole)
