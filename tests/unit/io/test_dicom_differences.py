"""Facts about pixels that are written with another VR, or differ between slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import Phantom
from pydicom import DataElement, Dataset, FileDataset
from pydicom.tag import Tag

from medpaint.core.encoding import Encoding
from medpaint.io.dicom import read_series

PADDING = -2000


def stating(
    vr: str, *values: int | None, keyword: str = "PixelPaddingValue"
) -> Callable[[FileDataset, int], None]:
    """Return a change that sets the first column to padding, and states its value in each slice that has one."""

    def change(dataset: FileDataset, index: int) -> None:
        pixels = np.full((6, 5), 40, np.int16)
        pixels[:, 0] = PADDING
        dataset.PixelData = pixels.tobytes()
        value = values[min(index, len(values) - 1)]
        if value is not None:
            dataset[Tag(keyword)] = DataElement(Tag(keyword), vr, value)

    return change


def padded_slices(folder: Path, change: Callable[[FileDataset, int], None]) -> list[int]:
    """Return how many voxels of each slice are padding."""
    Phantom(bits_stored=16, change=change).write(folder)
    volume, _ = read_series(folder)
    counted: list[int] = np.isnan(volume.intensities()).sum(axis=(0, 1)).tolist()
    return counted


@pytest.mark.parametrize(("vr", "value"), [("SS", PADDING), ("US", PADDING % 2**16)])
def test_padding_is_read_by_the_sign_of_the_pixels(tmp_path: Path, vr: str, value: int) -> None:
    assert padded_slices(tmp_path, stating(vr, value)) == [6, 6, 6, 6]


def test_a_range_limit_is_read_by_the_sign_of_the_pixels(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        stating("SS", -2010)(dataset, index)
        stating("US", -1990 % 2**16, keyword="PixelPaddingRangeLimit")(dataset, index)

    assert padded_slices(tmp_path, change) == [6, 6, 6, 6]


def test_signed_padding_of_unsigned_pixels_is_unsigned(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset[Tag("PixelPaddingValue")] = DataElement(Tag("PixelPaddingValue"), "SS", -1)

    Phantom(dtype="uint16", bits_stored=16, change=change).write(tmp_path)
    assert read_series(tmp_path)[0].encoding.padding == (65535.0, 65535.0)


def test_real_world_limits_are_read_by_the_sign_of_the_pixels(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        line = Dataset()
        line.RealWorldValueSlope, line.RealWorldValueIntercept = 0.5, 3.0
        for keyword, value in (("First", 2**15), ("Last", 2**15 - 1)):
            tag = Tag(f"RealWorldValue{keyword}ValueMapped")
            line[tag] = DataElement(tag, "US", value)
        dataset.RealWorldValueMappingSequence = [line]

    Phantom(modality="MR", bits_stored=16, change=change).write(tmp_path)
    assert read_series(tmp_path)[0].encoding.slope == 0.5


def test_padding_that_some_slices_do_not_state_is_kept_in_the_others(tmp_path: Path) -> None:
    assert padded_slices(tmp_path, stating("SS", None, PADDING)) == [0, 6, 6, 6]
    _, source = read_series(tmp_path)
    assert source.warnings == ("1 of 4 slices states no PixelPaddingValue: nothing there is taken for padding",)


def test_slices_keep_their_own_padding_values(tmp_path: Path) -> None:
    assert padded_slices(tmp_path, stating("SS", PADDING, 40)) == [6, 24, 24, 24]
    _, source = read_series(tmp_path)
    assert source.warnings == ("the slices have 2 different padding values: each keeps its own",)


def test_slices_without_a_rescaling_among_others_are_reported(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        if index == 1:
            del dataset.RescaleSlope, dataset.RescaleIntercept

    Phantom(change=change).write(tmp_path)
    volume, source = read_series(tmp_path)
    assert volume.encoding.intercept.ravel().tolist() == [-1024, 0, -1024, -1024]
    assert "1 of 4 slices states no RescaleSlope and RescaleIntercept" in source.warnings[0]


def test_a_window_has_the_padding_of_its_slices() -> None:
    low = np.array([np.nan, 5.0, 7.0]).reshape(1, 1, 3)
    encoding = Encoding.of(np.dtype("int16"), padding=(low, low))
    data = np.full((2, 2, 3), 7, np.int16)
    window = (slice(0, 2), slice(0, 2), slice(1, 3))
    found = encoding.at(window, data.shape).is_padding(data[window])
    assert found.sum(axis=(0, 1)).tolist() == [0, 4]


@pytest.mark.parametrize(
    ("keyword", "instead"), [("RescaleSlope", "1"), ("RescaleIntercept", "0")], ids=["slope", "intercept"]
)
def test_a_slice_with_half_a_rescaling_warns(tmp_path: Path, keyword: str, instead: str) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        if index == 2:
            delattr(dataset, keyword)

    Phantom(change=change).write(tmp_path)
    assert read_series(tmp_path)[1].warnings == (f"1 of 4 slices states no {keyword}: {instead} is used there",)


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_half_a_rescaling_in_all_slices_is_no_difference(tmp_path: Path, keyword: str) -> None:
    Phantom(change=lambda dataset, _index: delattr(dataset, keyword)).write(tmp_path)
    assert read_series(tmp_path)[1].warnings == ()
