"""Lost slices: how they are recognised, and which slices a network sees."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask
from medpaint.engines.gaps import gap_axes, lost_axis
from medpaint.engines.learned.beside import beside_gap
from medpaint.engines.learned.start import CHANNELS

SHAPE = (30, 26, 28)
START, HOLE = CHANNELS.index("start"), CHANNELS.index("hole")


def lost(axis: int, *slices: slice) -> Mask:
    """Return a mask of whole slices."""
    mask = np.zeros(SHAPE, dtype=bool)
    for one in slices:
        np.moveaxis(mask, axis, 0)[one] = True
    return mask


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_lost_slices_have_an_axis(axis: int, count: int) -> None:
    assert lost_axis(lost(axis, slice(9, 9 + count))) == axis


def test_several_gaps_may_add_up_to_more() -> None:
    assert lost_axis(lost(1, slice(3, 8), slice(9, 14), slice(18, 25))) == 1


@pytest.mark.parametrize("slices", [slice(9, 22), slice(0, 2), slice(27, 28)])
def test_too_many_slices_in_a_row_or_at_an_end_have_no_axis(slices: slice) -> None:
    assert lost_axis(lost(2, slices)) is None


def test_other_holes_have_no_axis() -> None:
    sheet = np.zeros(SHAPE, dtype=bool)
    sheet[5:25, 10:13, 5:20] = True
    assert lost_axis(sheet) is None
    assert lost_axis(sheet | lost(1, slice(18, 19))) is None
    assert lost_axis(lost(0, slice(9, 10)) | lost(1, slice(9, 10))) is None


def test_rows_of_a_2d_image_have_no_axis() -> None:
    mask = np.zeros((1, 26, 28), dtype=bool)
    mask[0, 5:9] = True
    assert lost_axis(mask) is None


def test_void_neither_hides_nor_makes_a_lost_slice() -> None:
    mask, void = lost(2, slice(9, 11)), np.zeros(SHAPE, dtype=bool)
    void[:8] = True
    assert lost_axis(mask & ~void, void) == 2
    assert lost_axis(mask & ~void) is None
    touched = mask.copy()
    touched[:8, :, 5:15] = True
    assert lost_axis(touched, void) == 2
    assert lost_axis(touched) is None


def test_slices_of_void_are_not_known() -> None:
    void = lost(2, slice(0, 9), slice(20, 28))
    assert lost_axis(lost(2, slice(14, 15)), void) == 2
    assert lost_axis(lost(2, slice(9, 10)), void) is None
    assert lost_axis(lost(2, slice(12, 15)), lost(2, slice(15, 25))) is None


def test_gaps_are_found_beside_other_holes_and_whatever_their_length() -> None:
    hole = np.zeros(SHAPE, dtype=bool)
    hole[3:6, 3:6, 3:6] = True
    assert gap_axes(hole) == ()
    assert gap_axes(hole | lost(1, slice(10, 22))) == (1,)
    assert gap_axes(lost(0, slice(0, 3))) == ()


def channels(*gone: int, count: int = 20) -> np.ndarray:
    """Return channels whose first fill is the number of the slice."""
    made = np.zeros((len(CHANNELS), count, 2, 3), np.float32)
    made[START] = np.arange(count)[:, np.newaxis, np.newaxis]
    made[HOLE, list(gone)] = 1.0
    return made


@pytest.mark.parametrize(
    ("gone", "number", "order", "away"),
    [
        ((9,), 9, [7, 8, 9, 10, 11], [2, 1, 8, 1, 2]),
        ((9, 10, 11), 9, [7, 8, 9, 12, 13], [2, 1, 8, 3, 4]),
        ((9, 10, 11), 11, [13, 12, 11, 8, 7], [2, 1, 8, 3, 4]),
        ((9, 11, 13), 11, [8, 10, 11, 12, 14], [3, 1, 8, 1, 3]),
        ((1, 2), 1, [0, 0, 1, 3, 4], [1, 1, 8, 2, 3]),
        ((17, 18), 17, [15, 16, 17, 19, 19], [2, 1, 8, 2, 2]),
    ],
)
def test_a_lost_slice_is_seen_between_the_nearest_known_ones(
    gone: tuple[int, ...], number: int, order: list[int], away: list[int]
) -> None:
    shown = channels(*gone)
    seen = beside_gap(shown, number, 2)
    assert seen[START, :, 0, 0].tolist() == order
    assert (8.0 * seen[HOLE, :, 1, 2]).tolist() == away
    assert shown[HOLE].sum() == 6.0 * len(gone)
