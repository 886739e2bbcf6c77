"""Windows around the holes of a mask."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medpaint.core.types import Mask, Window
from medpaint.engines.windows import LEAST_MARGIN, windows

ISOTROPIC = (1.0, 1.0, 1.0)


def coverage(mask: Mask, boxes: list[Window]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    count = np.zeros(mask.shape, dtype=np.int64)
    for box in boxes:
        count[box] += 1
    return count


def test_an_empty_mask_has_no_windows() -> None:
    assert windows(np.zeros((4, 5, 6), dtype=bool), ISOTROPIC, 1.0) == []


def test_the_margin_is_in_millimetres_and_at_least_two_voxels() -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[20, 20, 20] = True
    assert windows(mask, (1.0, 2.0, 5.0), 6.0) == [(slice(14, 27), slice(17, 24), slice(18, 23))]


def test_windows_end_where_the_volume_ends() -> None:
    mask = np.zeros((10, 1, 8), dtype=bool)
    mask[0, 0, 7] = True
    assert windows(mask, ISOTROPIC, 0.0) == [(slice(0, 3), slice(0, 1), slice(5, 8))]


def test_holes_far_apart_have_separate_windows() -> None:
    mask = np.zeros((60, 20, 20), dtype=bool)
    mask[50:53, 5:9, 5:9] = True
    mask[5:9, 5:9, 5:9] = True
    assert windows(mask, ISOTROPIC, 2.0) == [
        (slice(3, 11), slice(3, 11), slice(3, 11)),
        (slice(48, 55), slice(3, 11), slice(3, 11)),
    ]


def test_windows_that_would_overlap_are_merged() -> None:
    mask = np.zeros((60, 20, 20), dtype=bool)
    mask[5, 5, 5] = True
    mask[9, 8, 5] = True
    assert windows(mask, ISOTROPIC, 0.0) == [(slice(3, 12), slice(3, 11), slice(3, 8))]


def test_parts_that_touch_at_a_corner_share_a_window() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[3, 3, 3] = mask[4, 4, 4] = True
    assert len(windows(mask, ISOTROPIC, 0.0)) == 1


@given(
    shape=st.tuples(*[st.integers(1, 40)] * 3),
    count=st.integers(1, 30),
    context_mm=st.floats(0.0, 8.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_masked_voxel_lies_in_exactly_one_window(
    shape: tuple[int, int, int], count: int, context_mm: float, seed: int
) -> None:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(np.random.default_rng(seed).integers(0, shape, (count, 3)).T)] = True
    times = coverage(mask, windows(mask, (1.0, 0.5, 3.0), context_mm))
    assert times.max() == 1
    assert (times[mask] == 1).all()


def test_no_hole_touches_the_edge_of_its_window_inside_the_volume() -> None:
    mask = np.random.default_rng(3).random((50, 60, 40)) < 1e-3
    for box in windows(mask, ISOTROPIC, 0.0):
        inner = mask[box]
        for axis in range(3):
            along = np.flatnonzero(inner.any(axis=tuple({0, 1, 2} - {axis})))
            assert along[0] >= LEAST_MARGIN or box[axis].start == 0
            assert inner.shape[axis] - 1 - along[-1] >= LEAST_MARGIN or box[axis].stop == mask.shape[axis]


@pytest.mark.parametrize("count", [1, 5000])
def test_a_large_volume_takes_only_seconds(count: int) -> None:
    mask = np.zeros((512, 512, 200), dtype=bool)
    mask[tuple(np.random.default_rng(0).integers(0, mask.shape, (count, 3)).T)] = True
    start = time.perf_counter()
    boxes = windows(mask, ISOTROPIC, 5.0)
    assert time.perf_counter() - start < 10.0
    assert sum(int(mask[box].sum()) for box in boxes) == mask.sum()
