"""Masks from DICOM segmentations and structure sets."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_phantom import SERIES
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from medpaint.core.errors import AmbiguousError, MaskError, UnreadableError, UsageError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom import is_drawn, read_drawn
from medpaint.io.mask_image import numbered
from medpaint.masks.grids import aligned


@pytest.fixture
def scan(oblique_scan: Volume) -> Volume:
    return oblique_scan


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
    with pytest.raises(UnreadableError, match="got no pixel data"):
        read_drawn(path, scan, SERIES, (1,))


def test_labels_by_name_are_refused_where_labels_are_numbers() -> None:
    with pytest.raises(UsageError, match=r"expected labels by number.*got hole"):
        numbered(["hole", 1])
