"""Lost slices: how they are recognised."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import label

from medpaint.core.types import Mask

__all__ = ["MOST_LOST", "beside_gaps", "gap_axes", "gaps_of", "lost_axis", "lost_slices"]

MOST_LOST: Final = 12
"""Largest number of lost slices in a row."""


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


def beside_gaps(mask: Mask, void: Mask | None = None) -> Mask:
    """Return what is to be filled besides lost slices between known ones, (I, J, K): a new mask, or this one.

    Args:
        mask: True = fill, (I, J, K).
        void: True = outside the image, whether masked or not; None if there is none.
    """
    axes = gap_axes(mask, void)
    rest = mask.copy() if axes else mask
    for axis in axes:
        lost, unseen = lost_slices(mask, void, axis)
        np.moveaxis(rest, axis, 0)[lost & unseen] = False
    return rest


def gaps_of(mask: Mask, void: Mask | None) -> Mask:
    """Return a mask with the slices of void that separate its lost slices from known ones, (I, J, K).

    Args:
        mask: True = fill, (I, J, K).
        void: True = outside the image, whether masked or not; None if there is none.

    Returns:
        A new mask, or this one if there are no such slices.
    """
    spanned = mask
    for axis in gap_axes(mask, void) if void is not None else ():
        lost, unseen = lost_slices(mask, void, axis)
        runs, _ = label(unseen)
        reached = unseen & np.isin(runs, runs[lost])
        if (reached & ~lost).any():
            spanned = mask.copy() if spanned is mask else spanned
            np.moveaxis(spanned, axis, 0)[reached] = True
    return spanned


def lost_slices(mask: Mask, void: Mask | None, axis: int) -> tuple[Mask, Mask]:
    """Return which slices along an axis have a voxel to fill, and which have no known voxel, both (S,)."""
    others = tuple(one for one in range(3) if one != axis)
    if void is None:
        return np.asarray(mask.any(axis=others)), np.asarray(mask.all(axis=others))
    return np.asarray((mask & ~void).any(axis=others)), np.asarray((mask | void).all(axis=others))


def _longest_run(lost: Mask) -> int:
    """Return the length of the longest run of lost slices; `lost` is (S,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())
