"""Known slices that are hidden next to lost ones."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask, Window
from medpaint.engines.heldout.slices import held_out_slices

SHAPE = (90, 60, 40)
BODY: Window = (slice(10, 80), slice(5, 55), slice(0, 40))


def lost(*slices: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, list(slices)] = True
    return mask


def hidden_in(mask: Mask, void: Mask | None = None, axis: int = 2) -> list[list[int]]:
    """Return which slices of the volume each one hides."""
    found = []
    for one in held_out_slices(mask, void, axis, BODY):
        others = tuple(one for one in range(3) if one != axis)
        found.append((np.flatnonzero(one.hidden.any(axis=others)) + one.window[axis].start).tolist())
    return found


@pytest.mark.parametrize("gap", [(20,), (20, 21), (20, 21, 22), (18, 19, 20, 21, 22)])
def test_as_many_slices_in_a_row_are_hidden_on_either_side(gap: tuple[int, ...]) -> None:
    below, above = hidden_in(lost(*gap))
    assert len(below) == len(above) == len(gap)
    assert below[-1] < gap[0] - 1
    assert above[0] > gap[-1] + 1


@pytest.mark.parametrize("gap", [(20,), (20, 21, 22)])
def test_they_were_acquired_in_the_same_pass_of_an_interleaved_scan(gap: tuple[int, ...]) -> None:
    assert all((slices[0] - gap[0]) % 2 == 0 for slices in hidden_in(lost(*gap)))


@pytest.mark.parametrize(
    ("period", "gap", "hidden", "scale"), [(2, 1, 1, 2.0), (3, 1, 1, 4 / 3), (4, 2, 1, 9 / 8), (6, 3, 1, 24 / 25)]
)
def test_close_gaps_are_met_by_slices_next_to_them(period: int, gap: int, hidden: int, scale: float) -> None:
    gone = [number for number in range(2, 37) if (number - 2) % period < gap]
    held_out = held_out_slices(lost(*gone), None, 2, BODY)
    assert len(held_out) > 6
    assert np.median([one.scale for one in held_out]) == pytest.approx(scale)
    assert np.median([np.count_nonzero(one.hidden.any(axis=(0, 1))) for one in held_out]) == hidden
    for one in held_out:
        seen = np.setdiff1d(np.arange(SHAPE[2])[one.window[2]], gone)
        assert seen[0] < np.flatnonzero(one.hidden.any(axis=(0, 1)))[0] + one.window[2].start < seen[-1]


def test_lost_slices_next_to_what_is_hidden_are_filled_with_it() -> None:
    gone = [number for number in range(2, 37) if (number - 2) % 4 < 2]
    one = held_out_slices(lost(*gone), None, 2, BODY)[4]
    filled = np.flatnonzero(one.filled.any(axis=(0, 1)))
    assert len(filled) == 3
    assert not (one.hidden & lost(*gone)[one.window]).any()
    np.testing.assert_array_equal(one.filled & ~one.hidden, one.filled & lost(*gone)[one.window])


def test_gaps_with_room_between_them_are_not_met_so() -> None:
    assert {one.scale for one in held_out_slices(lost(*range(2, 38, 4)), None, 2, BODY)} == {1.0}


def test_they_lie_between_known_slices() -> None:
    mask = lost(10, 18, 19, 26)
    gone = {10, 18, 19, 26}
    for slices in hidden_in(mask):
        assert not gone & set(range(slices[0] - 1, slices[-1] + 2))


def test_a_side_with_too_few_slices_is_left_out() -> None:
    assert [slices[0] > 2 for slices in hidden_in(lost(1))] == [True]
    assert hidden_in(lost(*range(2, 38))) == []


def test_a_third_of_what_was_lost_of_the_body_is_hidden() -> None:
    mask = lost(8, 20, 21, 32)
    body = np.zeros(SHAPE, dtype=bool)
    body[BODY] = True
    wide, body = np.repeat(mask, 4, axis=0), np.repeat(body, 4, axis=0)
    held_out = held_out_slices(wide, None, 2, (slice(40, 320), *BODY[1:]))
    share = sum(np.count_nonzero(one.hidden) for one in held_out) / np.count_nonzero(wide & body)
    assert share == pytest.approx(1 / 3, rel=0.02)


def test_nothing_masked_or_void_is_hidden() -> None:
    mask, void = lost(20), np.zeros(SHAPE, dtype=bool)
    void[40:50] = True
    for one in held_out_slices(mask & ~void, void, 2, BODY):
        assert one.hidden.any()
        assert not (one.hidden & (mask | void)[one.window]).any()


def test_other_holes_in_a_slice_do_not_make_it_lost() -> None:
    mask = lost(20)
    mask[30:34, 30:34, 5] = True
    assert len(hidden_in(mask)) == 2
