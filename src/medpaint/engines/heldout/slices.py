"""Known slices to hide, as many in a row as were lost nearby."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from medpaint.core.types import Mask, Window
from medpaint.engines.gaps import lost_slices
from medpaint.engines.heldout.base import HeldOut

__all__ = ["held_out_slices"]

_MOST_GAPS: Final = 6
"""Largest number of gaps beside which slices are hidden."""

_SHARE: Final = 1 / 6
"""Share of the body's extent along one axis that is hidden of a slice, to bound the time."""

_PLACES: Final = (0.35, 0.65)
"""Where the middle of the strip lies below and above a gap, as a share of that extent."""

_FEWEST: Final = 24
"""Smallest extent of what is hidden, in voxels, where the body has as many."""

_SEEN: Final = 6
"""Known slices on either side that a window has, where the scan has them."""

_APART: Final = 5
"""Fewest known slices between a gap and what is hidden, where the scan has them."""

_AS_FAR: Final = 0.9
"""Least distance of hidden slices from known ones, relative to that of the lost ones."""


@dataclass(frozen=True)
class _Hidden:
    """Known slices to hide.

    Attributes:
        slices: their numbers.
        seen: the slices that engines see, with these among them.
        scale: how far they are from the nearest known slices, relative to the lost ones.
        gap: the gap that they make together with lost slices next to them; None if there are none.
    """

    slices: slice
    seen: slice
    scale: float = 1.0
    gap: slice | None = None


def held_out_slices(mask: Mask, void: Mask | None, axis: int, box: Window) -> list[HeldOut]:
    """Return slices to hide below and above the gaps of a mask.

    Of each slice only a strip across the body is hidden, about a sixth of it; beyond the strip the
    engines see nothing. The slices are an even number of steps from those that were lost, because many scans
    acquire every other slice first, and what is between two slices of one pass is unlike what is between two of
    the other. On a side with too few known slices nothing is hidden.

    Beside most of the gaps there may be no room, as where every second or third slice is lost. Then slices next to
    lost ones are hidden: those that are about as far from known slices as what was lost, and otherwise farther.

    Args:
        mask: True = fill, (I, J, K), made of lost slices along `axis`.
        void: True = outside the image, (I, J, K); None if there is none.
        axis: the one that numbers the slices.
        box: the body.
    """
    some, unseen = lost_slices(mask, void, axis)
    lost = some & unseen
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    gaps = _spread(list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)))
    sides = [(gap, above) for gap in gaps for above in (False, True)]
    hidden = [_beside(unseen, *gap, above=above) for gap, above in sides]
    roomy = {gap for (gap, _), one in zip(sides, hidden, strict=True) if one is not None}
    if 2 * len(roomy) < len(gaps):
        hidden = [_next_to(unseen, *gap, above=above) for gap, above in sides]
    held_out = [
        _strip(mask, void, axis, box, one, _PLACES[above])
        for (_, above), one in zip(sides, hidden, strict=True)
        if one is not None
    ]
    return [one for one in held_out if one.hidden.any()]


def _spread(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most `_MOST_GAPS` of the gaps, evenly spread."""
    if len(gaps) <= _MOST_GAPS:
        return gaps
    return [gaps[int(place)] for place in np.linspace(0, len(gaps) - 1, _MOST_GAPS)]


def _beside(unseen: Mask, first: int, stop: int, *, above: bool) -> _Hidden | None:
    """Return known slices between known ones, as many as from `first` to before `stop`, on one side of them."""
    count = stop - first
    farthest = _APART + count + (_APART + count) % 2
    for steps in range(farthest, count, -2):
        start = first + steps if above else first - steps
        around = slice(start - 1, start + count + 1)
        if around.start >= 0 and around.stop <= len(unseen) and not unseen[around].any():
            seen = slice(max(0, start - _SEEN - count), min(len(unseen), start + _SEEN + 2 * count))
            return _Hidden(slice(start, start + count), seen)
    return None


def _next_to(unseen: Mask, first: int, stop: int, *, above: bool) -> _Hidden | None:
    """Return known slices on one side of lost ones that are as far from other known ones, or farther."""
    count, most = stop - first, 2 * (_APART + stop - first)
    found: list[tuple[float, int, int, slice]] = []
    for number in range(1, count + 1):
        for start in range(stop, stop + most) if above else range(first - number, first - number - most, -1):
            around = unseen[max(0, start) : start + number]
            if start < 0 or len(around) < number or around.any():
                continue
            away = _away(unseen, start, number) / ((count + 2) / 3)
            if away >= _AS_FAR:
                found.append((away, (start - first) % 2, abs(start - first), slice(start, start + number)))
    if not found:
        return None
    scale, _, _, slices = min(found, key=lambda one: (round(one[0], 6), *one[1:3]))
    below, beyond = np.flatnonzero(~unseen[: slices.start]), np.flatnonzero(~unseen[slices.stop :])
    seen = slice(int(below[-_SEEN:][0]), slices.stop + int(beyond[:_SEEN][-1]) + 1)
    gap = slice(int(below[-1]) + 1, slices.stop + int(beyond[0]))
    return _Hidden(slices, seen, scale, gap)


def _away(unseen: Mask, start: int, number: int) -> float:
    """Return how far some slices are from known ones if they are hidden: 1 for one between two; 0 at an end.

    It is twice the mean of ab / (a + b), where a and b are the steps to the nearest known slice on either side:
    what a straight line between those misses of a random walk grows with it.
    """
    below, beyond = np.flatnonzero(~unseen[:start]), np.flatnonzero(~unseen[start + number :])
    if not (len(below) and len(beyond)):
        return 0.0
    before = np.arange(start, start + number) - below[-1]
    after = start + number + beyond[0] - np.arange(start, start + number)
    return float(2.0 * np.mean(before * after / (before + after)))


def _strip(mask: Mask, void: Mask | None, axis: int, box: Window, hide: _Hidden, place: float) -> HeldOut:
    """Return a strip of some slices to hide, centred at a share of the body's extent."""
    window = list(box)
    wide = max((other for other in range(3) if other != axis), key=lambda one: box[one].stop - box[one].start)
    extent = box[wide].stop - box[wide].start
    width = max(min(_FEWEST, extent), round(_SHARE * extent))
    start = box[wide].start + min(extent - width, max(0, round(place * extent - width / 2)))
    window[wide] = slice(start, start + width)
    window[axis] = hide.seen
    part: Window = (window[0], window[1], window[2])
    unknown = mask[part] if void is None else mask[part] | void[part]
    hidden = np.zeros(unknown.shape, dtype=bool)
    first = hide.seen.start
    np.moveaxis(hidden, axis, 0)[hide.slices.start - first : hide.slices.stop - first] = True
    lost = None
    if hide.gap is not None:
        lost = np.zeros_like(hidden)
        np.moveaxis(lost, axis, 0)[hide.gap.start - first : hide.gap.stop - first] = True
        lost &= mask[part]
    return HeldOut(part, hidden & ~unknown, hide.scale, lost=lost)
