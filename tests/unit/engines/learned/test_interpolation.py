"""Lost slices that interpolation fills better than a network."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.learned.interpolation import interpolated_gaps

SHAPE = (12, 6, 7)


def gap(count: int, first: int = 5) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[first : first + count] = True
    return mask


def ramp() -> FloatArray:
    """Return slices whose intensities rise evenly."""
    return np.broadcast_to(np.arange(12.0, dtype=np.float32)[:, np.newaxis, np.newaxis], SHAPE).copy()


@pytest.mark.parametrize("count", [1, 2])
def test_a_fill_that_invents_what_no_slice_has_is_replaced(count: int) -> None:
    slices, mask = ramp(), gap(count)
    slices[mask] += 3.0
    np.testing.assert_array_equal(interpolated_gaps(slices, mask, ~mask), mask)
    np.testing.assert_allclose(slices, ramp(), rtol=1e-6)


def test_a_fill_within_the_error_of_interpolation_is_kept() -> None:
    slices, mask = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), gap(1)
    slices[mask] = 0.0
    kept = slices.copy()
    assert not interpolated_gaps(slices, mask, ~mask).any()
    np.testing.assert_array_equal(slices, kept)


def test_a_gap_without_slices_to_judge_by_is_left() -> None:
    slices, mask = ramp(), gap(8, first=2)
    slices[mask] += 3.0
    assert not interpolated_gaps(slices, mask, ~mask).any()


def test_void_is_not_replaced_and_does_not_judge() -> None:
    slices, mask, void = ramp(), gap(1), np.zeros(SHAPE, dtype=bool)
    void[:, :3] = True
    slices[void] = np.random.default_rng(0).normal(0.0, 100.0, np.count_nonzero(void))
    slices[mask & ~void] += 3.0
    replaced = interpolated_gaps(slices, mask & ~void, ~(mask | void))
    np.testing.assert_array_equal(replaced, mask & ~void)
    np.testing.assert_allclose(slices[~void], ramp()[~void], rtol=1e-6)
