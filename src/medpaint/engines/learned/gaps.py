"""Lost slices: how they are recognised, and which slices next to them a network sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.learned.start import CHANNELS

__all__ = ["MOST_LOST", "beside_gap", "lost_axis"]

MOST_LOST: Final = 8
"""Largest number of lost slices in a row."""

_HOLE: Final = CHANNELS.index("hole")


def lost_axis(mask: Mask) -> int | None:
    """Return the axis along which a mask, (I, J, K), consists of lost slices; None if it does not.

    Slices do not count as lost if more than `MOST_LOST` in a row are masked, if the first or the last slice is
    masked, or if a masked slice has a known voxel. A 2D image has no slices to lose.
    """
    if 1 in mask.shape:
        return None
    for axis in (2, 1, 0):
        slices = np.moveaxis(mask, axis, 0)
        lost = np.asarray(slices.any(axis=(1, 2)))
        if lost.any() and _longest_run(lost) <= MOST_LOST and not (lost[0] or lost[-1]) and slices[lost].all():
            return axis
    return None


def beside_gap(channels: FloatArray, number: int, reach: int) -> FloatArray:
    """Return a lost slice between the known ones that are nearest, (C, 2 reach + 1, J, K).

    The nearer side comes first. The hole channel gives the distance of each known slice from the lost one, in
    units of `MOST_LOST` slices. Where a side has too few known slices, its last one is repeated.

    Args:
        channels: the input from `Start.shown`, slices first, (C, S, J, K).
        number: index of the lost slice.
        reach: known slices on either side.
    """
    known = np.flatnonzero(~channels[_HOLE].any(axis=(1, 2)))
    sides = known[known < number][::-1], known[known > number]
    near, far = sorted((_first(side, reach) for side in sides), key=lambda side: abs(int(side[0]) - number))
    order = np.concatenate([near[::-1], [number], far])
    seen = channels[:, order]
    seen[_HOLE] = (np.abs(order - number) / MOST_LOST)[:, np.newaxis, np.newaxis]
    seen[_HOLE, reach] = channels[_HOLE, number]
    return seen


def _first(side: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Return the first `reach` slices of a side, the last one repeated if there are fewer, (reach,)."""
    return side[np.minimum(np.arange(reach), len(side) - 1)]


def _longest_run(lost: Mask) -> int:
    """Return the length of the longest run of lost slices; `lost` is (S,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())
