"""Masks from the contours of structure sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import SERIES, oblique
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from medpaint.core.errors import MaskError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom import read_drawn
from medpaint.io.dicom.outlines import enclosed
from medpaint.io.reading import read_mask, read_scan


@pytest.fixture
def scan(oblique_scan: Volume) -> Volume:
    return oblique_scan


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
    path = contours(tmp_path, [in_patient(scan, square(1.6, 9.4, 2.1)), in_patient(scan, square(3.5, 6.5, 2.1))])
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
        (square(1.0, 5.0, 2.0), "POINT", "expected closed planar contours in region 4, got 1 POINT"),
    ],
)
def test_contours_that_cannot_be_drawn_are_refused(
    tmp_path: Path, scan: Volume, corners: list[tuple[float, float, float]], kind: str, message: str
) -> None:
    with pytest.raises(MaskError, match=message):
        read_drawn(contours(tmp_path, [in_patient(scan, corners)], kind), scan, SERIES, ())


def test_a_contour_is_read_as_a_mask_of_its_scan(tmp_path: Path) -> None:
    oblique().write(tmp_path / "scan")
    volume, source = read_scan(tmp_path / "scan")
    path = contours(tmp_path, [in_patient(volume, square(3.5, 7.5, 3.0))])
    read = read_mask(path, volume, source, ())
    assert np.count_nonzero(read.values) == 16
    assert read.labels == ()


@given(st.integers(0, 2**32 - 1))
def test_two_halves_of_a_polygon_share_no_voxel_and_miss_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 8))
    corners = 8.0 + rng.choice([4.0, 7.5]) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = np.where(rng.random(corners.shape) < 0.4, np.rint(corners), corners)
    whole, first, second = (enclosed(part, (17, 17)) for part in (corners, corners[:5], corners[[4, 5, 6, 7, 0]]))
    np.testing.assert_array_equal(first ^ second, whole)


def block(*boxes: tuple[int, int, int], shape: tuple[int, int, int] = (14, 12, 6)) -> Mask:
    """Return a mask of squares: the first and the last index in the plane, and the slice."""
    mask = np.zeros(shape, bool)
    for low, high, k in boxes:
        mask[low : high + 1, low : high + 1, k] = True
    return mask


def drawn(folder: Path, scan: Volume, *squares: tuple[float, float, float]) -> tuple[Mask, tuple[str, ...]]:
    """Return the mask of squares, and the warnings."""
    path = contours(folder, [in_patient(scan, square(*one)) for one in squares])
    found = read_drawn(path, scan, SERIES, ())
    return found.values, found.warnings


def test_a_repeated_contour_is_drawn_once_with_a_warning(tmp_path: Path, scan: Volume) -> None:
    turned = in_patient(scan, square(1.52, 5.5, 2.0)[::-1])
    path = contours(tmp_path, [in_patient(scan, square(1.5, 5.5, 2.0)), turned])
    found = read_drawn(path, scan, SERIES, ())
    np.testing.assert_array_equal(found.values, block((2, 5, 2)))
    assert found.warnings == ("contours that repeat another in region 4, drawn once: 1",)


def test_a_repeated_hole_stays_a_hole(tmp_path: Path, scan: Volume) -> None:
    values, _ = drawn(tmp_path, scan, (1.5, 9.5, 2.0), (3.5, 6.5, 2.0), (3.5, 6.5, 2.0))
    np.testing.assert_array_equal(values, block((2, 9, 2)) & ~block((4, 6, 2)))


def test_overlapping_contours_are_united(tmp_path: Path, scan: Volume) -> None:
    values, warnings = drawn(tmp_path, scan, (1.5, 6.5, 2.0), (4.5, 9.5, 2.0))
    np.testing.assert_array_equal(values, block((2, 6, 2), (5, 9, 2)))
    assert warnings == ()


def test_a_hole_in_one_of_two_overlapping_contours_is_filled_by_the_other(tmp_path: Path, scan: Volume) -> None:
    values, _ = drawn(tmp_path, scan, (0.5, 6.5, 2.0), (4.5, 9.5, 2.0), (1.5, 5.5, 2.0))
    np.testing.assert_array_equal(values, (block((1, 6, 2)) & ~block((2, 5, 2))) | block((5, 9, 2)))


def test_an_outline_in_a_hole_is_filled_again(tmp_path: Path, scan: Volume) -> None:
    values, _ = drawn(tmp_path, scan, (0.5, 9.5, 2.0), (2.5, 7.5, 2.0), (4.5, 5.5, 2.0))
    np.testing.assert_array_equal(values, (block((1, 9, 2)) & ~block((3, 7, 2))) | block((5, 5, 2)))


def test_contours_marked_for_it_are_combined_by_exclusive_or(tmp_path: Path, scan: Volume) -> None:
    squares = [in_patient(scan, square(*one)) for one in ((1.5, 6.5, 2.0), (4.5, 9.5, 2.0))]
    found = read_drawn(contours(tmp_path, squares, "CLOSEDPLANAR_XOR"), scan, SERIES, ())
    np.testing.assert_array_equal(found.values, block((2, 6, 2)) ^ block((5, 9, 2)))


def test_of_contours_finer_than_slices_each_slice_gets_the_nearest(tmp_path: Path, scan: Volume) -> None:
    finer = [(1.5, 4.5 + number, 1.6 + number / 3) for number in range(5)]
    values, warnings = drawn(tmp_path, scan, *finer)
    np.testing.assert_array_equal(values, block((2, 5, 2), (2, 8, 3)))
    assert warnings == ("region 4 has contours in 5 planes for 2 slices: each slice gets the nearest",)


def test_contours_between_slices_are_drawn_on_all_that_are_half_a_slice_away(tmp_path: Path, scan: Volume) -> None:
    values, warnings = drawn(tmp_path, scan, (1.5, 5.5, 1.5), (1.5, 7.5, 2.5))
    np.testing.assert_array_equal(values, block((2, 5, 1), (2, 5, 2), (2, 7, 3)))
    assert len(warnings) == 1
    assert "contours between slices: each of 3 slices gets the nearest" in warnings[0]


def test_skipped_slices_stay_empty_with_a_warning(tmp_path: Path, scan: Volume) -> None:
    values, warnings = drawn(tmp_path, scan, (1.5, 5.5, 1.0), (1.5, 5.5, 3.0))
    np.testing.assert_array_equal(values, block((2, 5, 1), (2, 5, 3)))
    assert "2.0 slices apart or more: the slices between them are not masked" in warnings[0]


@pytest.mark.parametrize("low", [2.2, 40.0])
def test_contours_around_no_voxel_are_refused(tmp_path: Path, scan: Volume, low: float) -> None:
    with pytest.raises(MaskError, match="expected contours around voxels of the scan, got none in region 4"):
        drawn(tmp_path, scan, (low, low + 0.4, 2.0))


def test_slices_with_contours_around_no_voxel_are_reported(tmp_path: Path, scan: Volume) -> None:
    _, warnings = drawn(tmp_path, scan, (1.5, 5.5, 2.0), (2.2, 2.6, 3.0))
    assert warnings == ("slices on which the contours of region 4 enclose no voxel's centre: 1",)


def test_points_and_open_contours_are_counted_in_a_warning(tmp_path: Path, scan: Volume) -> None:
    path = contours(tmp_path, [in_patient(scan, square(1.5, 5.5, 2.0))] * 4)
    dataset = pydicom.dcmread(path)
    kinds = ("POINT", "OPEN_PLANAR", "OPEN_PLANAR")
    for item, kind in zip(dataset.ROIContourSequence[0].ContourSequence[1:], kinds, strict=True):
        item.ContourGeometricType = kind
    dataset.save_as(path)
    found = read_drawn(path, scan, SERIES, ())
    np.testing.assert_array_equal(found.values, block((2, 5, 2)))
    assert found.warnings == (
        "contours of region 4 that enclose nothing and are left out: 1 POINT, 2 OPEN_PLANAR",
    )


def test_damaged_contour_data_is_refused(tmp_path: Path, scan: Volume) -> None:
    path = contours(tmp_path, [in_patient(scan, square(1.5, 5.5, 2.0))])
    dataset = pydicom.dcmread(path)
    item = dataset.ROIContourSequence[0].ContourSequence[0]
    item.ContourData = list(item.ContourData)[:-1]
    dataset.save_as(path)
    with pytest.raises(MaskError, match="expected ContourData of three numbers for each point, got 11 numbers"):
        read_drawn(path, scan, SERIES, ())


def test_a_region_without_contours_is_reported(tmp_path: Path, scan: Volume) -> None:
    found = read_drawn(contours(tmp_path, []), scan, SERIES, ())
    assert not found.values.any()
    assert found.warnings == ("region 4 has no contours",)
