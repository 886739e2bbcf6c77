"""Boxes around masks, so that work scales with the mask and not with the volume."""

from __future__ import annotations

import numpy as np

from medpaint.core.types import Mask, Spacing, Window

__all__ = ["bounding_box", "distance_mm", "grown", "of_whole", "whole", "within"]


def bounding_box(mask: Mask) -> Window | None:
    """Return the smallest window around every True voxel of an (I, J, K) mask; None if the mask is empty."""
    along_i = np.flatnonzero(mask.any(axis=(1, 2)))
    if along_i.size == 0:
        return None
    slab = mask[along_i[0] : along_i[-1] + 1]
    plane = np.asarray(slab.any(axis=0))
    along_j = np.flatnonzero(plane.any(axis=1))
    along_k = np.flatnonzero(plane.any(axis=0))
    i, j, k = (slice(int(found[0]), int(found[-1]) + 1) for found in (along_i, along_j, along_k))
    return i, j, k


def grown(window: Window, margin: tuple[int, int, int], shape: tuple[int, ...]) -> Window:
    """Return `window` grown by `margin` voxels on both sides along I, J, K, clipped to the volume."""
    i, j, k = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(window, margin, shape, strict=True)
    )
    return i, j, k


def whole(shape: tuple[int, ...]) -> Window:
    """Return the window of a whole volume, (I, J, K)."""
    i, j, k = shape
    return slice(0, i), slice(0, j), slice(0, k)


def within(window: Window, outer: Window) -> Window:
    """Return the part of `window` that lies in `outer`, relative to the start of `outer`."""
    i, j, k = (
        slice(
            max(part.start, other.start) - other.start, max(min(part.stop, other.stop), other.start) - other.start
        )
        for part, other in zip(window, outer, strict=True)
    )
    return i, j, k


def of_whole(window: Window, outer: Window) -> Window:
    """Return a window of `outer`, relative to its start, as one of the whole volume."""
    i, j, k = (
        slice(part.start + first.start, part.stop + first.start) for part, first in zip(window, outer, strict=True)
    )
    return i, j, k


def distance_mm(first: Window, second: Window, spacing_mm: Spacing) -> float:
    """Return the distance of two windows in mm, along the axis where it is largest; 0 where they meet."""
    gaps = (
        max(one.start - other.stop + 1, other.start - one.stop + 1, 0) * size
        for one, other, size in zip(first, second, spacing_mm, strict=True)
    )
    return float(max(gaps))
