"""Known slices to hide, as many in a row as were lost nearby."""

from __future__ import annotations

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


def held_out_slices(mask: Mask, void: Mask | None, axis: int, box: Window) -> list[HeldOut]:
    """Return slices to hide below and above the gaps of a mask.

    Of each slice only a strip across the body is hidden, about a sixth of it; beyond the strip the
    engines see nothing. The slices are an even number of steps from those that were lost, because many scans
    acquire every other slice first, and what is between two slices of one pass is unlike what is between two of
    the other. On a side with too few known slices nothing is hidden.

    Args:
        mask: True = fill, (I, J, K), made of lost slices along `axis`.
        void: True = outside the image, (I, J, K); None if there is none.
        axis: the one that numbers the slices.
        box: the body.
    """
    some, unseen = lost_slices(mask, void, axis)
    lost = some & unseen
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    gaps = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    held_out = []
    for gap in _spread(gaps):
        for above, place in zip((False, True), _PLACES, strict=True):
            slices = _beside(unseen, *gap, above=above)
            if slices is not None:
                held_out.append(_strip(mask, void, axis, box, slices, place))
    return [one for one in held_out if one.hidden.any()]


def _spread(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most `_MOST_GAPS` of the gaps, evenly spread."""
    if len(gaps) <= _MOST_GAPS:
        return gaps
    return [gaps[int(place)] for place in np.linspace(0, len(gaps) - 1, _MOST_GAPS)]


def _beside(unseen: Mask, first: int, stop: int, *, above: bool) -> slice | None:
    """Return known slices between known ones, as many as from `first` to before `stop`, on one side of them."""
    count = stop - first
    farthest = _APART + count + (_APART + count) % 2
    for steps in range(farthest, count, -2):
        start = first + steps if above else first - steps
        around = slice(start - 1, start + count + 1)
        if around.start >= 0 and around.stop <= len(unseen) and not unseen[around].any():
            return slice(start, start + count)
    return None


def _strip(mask: Mask, void: Mask | None, axis: int, box: Window, slices: slice, place: float) -> HeldOut:
    """Return a strip of some slices to hide, centred at a share of the body's extent."""
    window = list(box)
    wide = max((other for other in range(3) if other != axis), key=lambda one: box[one].stop - box[one].start)
    extent = box[wide].stop - box[wide].start
    width = max(min(_FEWEST, extent), round(_SHARE * extent))
    start = box[wide].start + min(extent - width, max(0, round(place * extent - width / 2)))
    window[wide] = slice(start, start + width)
    lowest = max(0, slices.start - _SEEN - (slices.stop - slices.start))
    highest = min(mask.shape[axis], slices.stop + _SEEN + (slices.stop - slices.start))
    window[axis] = slice(lowest, highest)
    part: Window = (window[0], window[1], window[2])
    unknown = mask[part] if void is None else mask[part] | void[part]
    hidden = np.zeros(unknown.shape, dtype=bool)
    np.moveaxis(hidden, axis, 0)[slices.start - lowest : slices.stop - lowest] = True
    return HeldOut(part, hidden & ~unknown)
