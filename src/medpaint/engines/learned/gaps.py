"""Lost slices: how they are recognised, and which slices next to them a network sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.learned.start import CHANNELS

__all__ = ["MOST_LOST", "beside_gap", "gap_axes", "lost_axis", "lost_slices"]

MOST_LOST: Final = 8
"""Largest number of lost slices in a row."""

_HOLE: Final = CHANNELS.index("hole")


def lost_axis(mask: Mask, void: Mask | None = None) -> int | None:
    """Return the axis along which a mask, (I, J, K), consists of lost slices; None if it does not.

    Slices do not count as lost if more than `MOST_LOST` in a row are masked, if a side has no known slice, or if a
    masked slice has a known voxel. Void is not known, but does not make a slice lost. A 2D image has no slices to
    lose.

    Args:
        mask: True = fill.
        void: True = outside the image, whether masked or not; None if there is none.
    """
    if 1 in mask.shape:
        return None
    for axis in (2, 1, 0):
        lost, unseen = lost_slices(mask, void, axis)
        if not lost.any() or (lost & ~unseen).any() or unseen.all():
            continue
        first, last = np.flatnonzero(~unseen)[[0, -1]]
        outside = lost[:first].any() or lost[last:].any()
        if not outside and _longest_run(unseen[first:last]) <= MOST_LOST:
            return axis
    return None


def gap_axes(mask: Mask, void: Mask | None = None) -> tuple[int, ...]:
    """Return the axes along which a slice without a known voxel is to be filled between known ones.

    Unlike in `lost_axis`, any number of slices may be lost, and there may be other holes.

    Args:
        mask: True = fill, (I, J, K).
        void: True = outside the image, whether masked or not; None if there is none.
    """
    axes = []
    for axis in range(3):
        lost, unseen = lost_slices(mask, void, axis)
        seen = np.flatnonzero(~unseen)
        if len(seen) and (lost & unseen)[seen[0] : seen[-1]].any():
            axes.append(axis)
    return tuple(axes)


def lost_slices(mask: Mask, void: Mask | None, axis: int) -> tuple[Mask, Mask]:
    """Return which slices along an axis have a voxel to fill, and which have no known voxel, both (S,)."""
    others = tuple(one for one in range(3) if one != axis)
    if void is None:
        return np.asarray(mask.any(axis=others)), np.asarray(mask.all(axis=others))
    return np.asarray((mask & ~void).any(axis=others)), np.asarray((mask | void).all(axis=others))


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
