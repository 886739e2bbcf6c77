"""Stored numbers to intensities and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpaint.core.encoding import Encoding
from medpaint.core.errors import GeometryError, UnsupportedError
from medpaint.core.volume import Volume


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_decoding_then_encoding_restores_the_stored_values(dtype: str) -> None:
    encoding = Encoding.of(np.dtype(dtype), slope=0.25, intercept=-1024.0)
    stored = np.array([0, 1, 7, 100], dtype)
    assert np.array_equal(encoding.encode(encoding.decode(stored)), stored)


@given(st.floats(-1e6, 1e6))
def test_whole_numbers_are_rounded_and_kept_within_the_limits(value: float) -> None:
    encoding = Encoding.of(np.dtype("i2"), limits=(-2048, 2047))
    (stored,) = encoding.encode(np.array([value]))
    assert stored == np.clip(np.rint(value), -2048, 2047)


@pytest.mark.parametrize("dtype", ["i8", "u8", "i4", "u4", "i2", "u1"])
def test_values_beyond_the_dtype_are_clipped(dtype: str) -> None:
    encoded = Encoding.of(np.dtype(dtype)).encode(np.array([-1e30, 1e30]))
    info = np.iinfo(dtype)
    assert encoded[0] == info.min
    assert info.max * 0.999999 < float(encoded[1]) <= info.max


def test_a_slope_per_slice_is_cropped_with_the_window() -> None:
    slope = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3)
    volume = Volume(np.ones((2, 2, 3), "i2"), np.eye(4), Encoding.of(np.dtype("i2"), slope=slope))
    window = (slice(0, 2), slice(1, 2), slice(1, 3))
    assert np.array_equal(volume.intensities(window), volume.intensities()[window])
    mask = np.zeros((2, 2, 3), bool)
    mask[0, 0, 2] = mask[1, 1, 0] = True
    assert volume.encoding.at(mask, volume.shape).decode(volume.data[mask]).tolist() == [3.0, 1.0]


def test_32_bit_integers_stay_distinct() -> None:
    stored = np.array([2**31 - 2, 2**31 - 1], "i4")
    decoded = Encoding.of(stored.dtype).decode(stored)
    assert decoded[0] != decoded[1]


def test_a_volume_is_read_only() -> None:
    volume = Volume.of(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="read-only"):
        volume.data[0, 0, 0] = 1


def test_a_volume_leaves_the_array_it_was_made_from_writable() -> None:
    array = np.zeros((2, 2, 2))
    Volume.of(array)
    array[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.zeros((2, 2)), GeometryError),
        (np.zeros((2, 0, 2)), GeometryError),
        (np.zeros((2, 2, 2), complex), UnsupportedError),
        (np.zeros((2, 2, 2), bool), UnsupportedError),
    ],
)
def test_arrays_other_than_real_volumes_are_refused(array: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        Volume(array, np.eye(4), Encoding.of(np.dtype("f4")))


def test_a_fill_is_never_stored_as_padding() -> None:
    encoding = Encoding.of(np.dtype("i2"), intercept=-1024.0, limits=(0, 4095), padding=(0.0, 9.0))
    assert encoding.encode(np.array([-1024.0, -1016.0, -1015.0, -1013.6, 0.0])).tolist() == [10, 10, 10, 10, 1024]
    by_slice = (np.array([np.nan, 7.0]), np.array([np.nan, 7.0]))
    assert Encoding.of(np.dtype("u1"), padding=by_slice).encode(np.array([7.0, 6.9])).tolist() == [7, 6]
