"""Padding voxels are never filled, and never filled from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom
from pydicom import DataElement, FileDataset
from pydicom.tag import Tag

from medpaint.cohort.staging import load_case, save_case
from medpaint.io.dicom import read_series
from medpaint.io.selection import Selection
from medpaint.parameters import MaskParameters
from medpaint.pipeline.mask import mask_scan
from medpaint.pipeline.read import read
from medpaint.pipeline.restore import restore

PADDING = -2000


def padded(folder: Path, *, limit: int | None = None) -> Path:
    """Write a series that is 40 everywhere except in its first two columns, which are padding."""

    def change(dataset: FileDataset, _index: int) -> None:
        pixels = np.full((20, 22), 40, np.int16)
        pixels[:, :2] = PADDING
        dataset.PixelData = pixels.tobytes()
        dataset[Tag("PixelPaddingValue")] = DataElement(Tag("PixelPaddingValue"), "SS", PADDING)
        if limit is not None:
            dataset[Tag("PixelPaddingRangeLimit")] = DataElement(Tag("PixelPaddingRangeLimit"), "SS", limit)

    Phantom(shape=(20, 22, 8), change=change).write(folder / "scan")
    return folder / "scan"


def mask_over_the_edge() -> np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]:
    mask = np.zeros((22, 20, 8), bool)
    mask[0:6, 8:12, 3:5] = True
    return mask


@pytest.mark.parametrize("engine", ["nearest", "harmonic", "biharmonic", "exemplar"])
def test_padding_is_neither_filled_nor_filled_from(tmp_path: Path, engine: str) -> None:
    done = restore(padded(tmp_path), mask_over_the_edge(), output=tmp_path / "out", engine=engine)
    assert done.mask[:2].sum() == 0
    assert done.mask.sum() == 4 * 4 * 2
    assert (done.volume.data[:2] == PADDING).all()
    assert (done.volume.data[2:] == 40).all()
    assert "16 voxels of the mask are padding" in " ".join(done.record.warnings)
    assert done.products is not None
    written = pydicom.dcmread(done.products.restored / "0004.dcm")
    assert written.PixelPaddingValue == PADDING


def blank_slice(folder: Path, *, number: int = 4) -> Path:
    """Write the padded series with one slice that is padding throughout."""
    image = pydicom.dcmread(padded(folder) / f"{number}.dcm")
    image.PixelData = np.full((20, 22), PADDING, np.int16).tobytes()
    image.save_as(folder / "scan" / f"{number}.dcm")
    return folder / "scan"


def test_a_slice_that_is_padding_throughout_is_filled_as_lost(tmp_path: Path) -> None:
    done = restore(blank_slice(tmp_path), engine="resnet2d")
    assert done.mask.sum(axis=(0, 1)).tolist() == [20 * 20 * (k == 4) for k in range(8)]
    assert (done.volume.data[:2, :, 4] == PADDING).all()
    assert (done.volume.data[2:, :, 4] == 40).all()
    assert "1 slice of the mask is padding throughout, between slices with an image" in done.record.warnings[0]


def test_a_slice_of_padding_at_the_end_of_a_series_stays(tmp_path: Path) -> None:
    mask = np.zeros((22, 20, 8), bool)
    mask[8:12, 8:12, 6:] = True
    done = restore(blank_slice(tmp_path, number=7), mask, engine="nearest")
    assert (done.volume.data[:, :, 7] == PADDING).all()
    assert done.mask.sum() == 4 * 4


def test_a_slice_that_is_put_back_is_padding_where_its_neighbours_are(tmp_path: Path) -> None:
    (padded(tmp_path) / "4.dcm").unlink()
    done = restore(tmp_path / "scan", output=tmp_path / "out", engine="nearest", absent_slices=True)
    assert done.products is not None
    image = pydicom.dcmread(done.products.restored / "0005.dcm")
    assert (image.pixel_array[:, :2] == PADDING).all()
    assert (image.pixel_array[:, 2:] == 40).all()


def test_a_range_of_values_is_padding(tmp_path: Path) -> None:
    volume, _ = read_series(padded(tmp_path, limit=-3))
    assert volume.encoding.padding == (-2000.0, -3.0)
    assert np.isnan(volume.intensities()).sum() == 2 * 20 * 8


def test_a_case_file_keeps_the_padding(tmp_path: Path) -> None:
    case = mask_scan(read(padded(tmp_path), Selection()), mask_over_the_edge(), MaskParameters())
    save_case(case, tmp_path / "case")
    assert load_case(tmp_path / "case").volume.encoding.padding == (-2000.0, -2000.0)  # type: ignore[union-attr]


def test_burnt_in_annotations_and_overlays_give_warnings(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.BurnedInAnnotation = "YES"
        dataset.add_new(0x60000010, "US", 6)

    Phantom(change=change).write(tmp_path / "scan")
    _, source = read_series(tmp_path / "scan")
    assert source.warnings == (
        "annotations are burnt into the pixels",
        "overlays are kept unchanged",
    )


def test_a_case_file_keeps_the_padding_of_each_slice(tmp_path: Path) -> None:
    scan = padded(tmp_path)
    image = pydicom.dcmread(scan / "3.dcm")
    del image.PixelPaddingValue
    image.save_as(scan / "3.dcm")
    case = mask_scan(read(scan, Selection()), mask_over_the_edge(), MaskParameters())
    assert case.mask.sum(axis=(0, 1)).tolist() == [0, 0, 0, 24, 16, 0, 0, 0]
    save_case(case, tmp_path / "case")
    kept = load_case(tmp_path / "case").volume  # type: ignore[union-attr]
    np.testing.assert_array_equal(kept.intensities(), case.volume.intensities())
