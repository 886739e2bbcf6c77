"""Blending: identity outside the mask, a soft edge inside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpaint.blend import alpha_in_mask, blended, clipped
from medpaint.core.encoding import Encoding
from medpaint.core.volume import Volume

SHAPE = (9, 9, 9)
BALL = np.linalg.norm(np.mgrid[-4:5, -4:5, -4:5], axis=0) <= 3


@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["u1", "i2", "u4", "i8", "f4", "f8"]),
    edge=st.floats(0, 5),
)
def test_voxels_outside_the_mask_and_the_scan_are_unchanged(seed: int, dtype: str, edge: float) -> None:
    rng = np.random.default_rng(seed)
    data = np.frombuffer(rng.bytes(729 * np.dtype(dtype).itemsize), dtype).reshape(SHAPE)
    mask = rng.random(SHAPE) > 0.7
    scan = Volume.of(data)
    alpha = alpha_in_mask(mask, (1, 1, 1), edge)
    filled = rng.normal(0, 100, int(mask.sum())).astype(np.float32)
    with np.errstate(all="ignore"):
        restored = blended(scan, mask, filled, alpha)
    assert restored[~mask].tobytes() == data[~mask].tobytes()
    assert restored.dtype == data.dtype
    assert not np.shares_memory(restored, data)


def test_in_place_gives_the_same_values_in_the_array_of_the_scan() -> None:
    data = np.arange(729, dtype=np.int16).reshape(SHAPE, order="F")
    filled, alpha = np.full(BALL.sum(), 7.0, np.float32), np.ones(BALL.sum(), np.float32)
    copied = blended(Volume.of(data), BALL, filled, alpha)
    restored = blended(Volume.of(data), BALL, filled, alpha, in_place=True)
    assert np.shares_memory(restored, data)
    assert np.array_equal(restored, copied)


def test_in_place_copies_an_array_that_is_read_only() -> None:
    data = np.frombuffer(bytes(729), np.uint8).reshape(SHAPE)
    restored = blended(
        Volume.of(data), BALL, np.full(BALL.sum(), 7, np.float32), np.ones(BALL.sum(), np.float32), in_place=True
    )
    assert restored[BALL].min() == 7
    assert data.max() == 0


def test_hard_edge_takes_the_filled_values() -> None:
    scan = Volume.of(np.zeros(SHAPE, np.float32))
    filled = np.arange(BALL.sum(), dtype=np.float32)
    assert np.array_equal(blended(scan, BALL, filled, alpha_in_mask(BALL, (1, 1, 1), 0.0))[BALL], filled)


def test_soft_edge_rises_inwards_over_its_width() -> None:
    alpha = np.zeros(SHAPE)
    alpha[BALL] = alpha_in_mask(BALL, (1, 1, 1), 3.0)
    line = alpha[4:, 4, 4]
    assert alpha[4, 4, 4] == 1.0
    assert np.all(np.diff(line) <= 0)
    assert 0 < line[3] < 0.5
    assert line[4] == 0


def test_edge_is_in_millimetres() -> None:
    mask = np.zeros((20, 20, 5), bool)
    mask[5:15, 5:15, :] = True
    fine = alpha_in_mask(mask, (1.0, 1.0, 1.0), 2.0)
    coarse = alpha_in_mask(mask, (2.0, 2.0, 2.0), 4.0)
    assert np.allclose(fine, coarse)


def test_soft_edge_mixes_with_the_scans_own_values() -> None:
    scan = Volume.of(np.full(SHAPE, 10.0, np.float32))
    restored = blended(scan, BALL, np.full(BALL.sum(), 20.0, np.float32), np.full(BALL.sum(), 0.25, np.float32))
    assert np.all(restored[BALL] == 12.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_values_of_the_scan_do_not_count(bad: float) -> None:
    scan = Volume.of(np.full(SHAPE, bad, np.float32))
    restored = blended(scan, BALL, np.full(BALL.sum(), 20.0, np.float32), np.full(BALL.sum(), 0.25, np.float32))
    assert np.all(restored[BALL] == 20.0)


def test_integers_are_rounded_and_stay_in_range() -> None:
    scan = Volume(np.zeros((1, 1, 4), "i2"), np.eye(4), Encoding.of(np.dtype("i2"), limits=(0, 4095)))
    mask = np.ones((1, 1, 4), bool)
    filled = np.array([1.6, -0.4, -7.0, 5000.0], np.float32)
    assert blended(scan, mask, filled, np.ones(4, np.float32)).ravel().tolist() == [2, 0, 0, 4095]


def test_rescaled_values_are_stored_with_the_encoding_of_the_scan() -> None:
    scan = Volume(np.zeros((1, 1, 2), "u2"), np.eye(4), Encoding.of(np.dtype("u2"), slope=2.0, intercept=-1024.0))
    restored = blended(
        scan, np.ones((1, 1, 2), bool), np.array([-1024.0, 76.0], np.float32), np.ones(2, np.float32)
    )
    assert restored.ravel().tolist() == [0, 550]


@pytest.mark.parametrize(("slopes", "expected"), [([1.0, 0.01], 1), ([1.0, 1.0], 0)])
def test_fills_beyond_the_scaling_of_their_slice_are_counted(slopes: list[float], expected: int) -> None:
    slope = np.array(slopes).reshape(1, 1, 2)
    scan = Volume(np.zeros((1, 2, 2), "i2"), np.eye(4), Encoding.of(np.dtype("i2"), slope=slope))
    filled = np.array([400.0, 400.0, 300.0, 300.0], np.float32)  # the second one needs more than 16 bits
    assert clipped(scan, np.ones((1, 2, 2), bool), filled) == expected


def test_a_scan_with_one_scaling_has_no_slice_that_cannot_store_what_others_can() -> None:
    scan = Volume(np.zeros((1, 1, 1), "u1"), np.eye(4), Encoding.of(np.dtype("u1")))
    assert clipped(scan, np.ones((1, 1, 1), bool), np.array([-3.0], np.float32)) == 0
