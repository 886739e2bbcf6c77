"""Outlines in one plane: which of them are the same, lie inside others, and what they enclose together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Mask

__all__ = ["Outline", "distinct", "enclosed", "filled"]

_SAME: Final = 0.1
"""Two outlines whose corners are nowhere farther from each other's edges are the same, in voxels."""

_TOUCH: Final = 1e-3
"""How far a corner may be outside an outline that it touches from within, in voxels."""

_Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed contour.

    Attributes:
        corners: in voxel indices, (N, 2).
        plane: where it lies along the slices, in slices.
        by_parity: whether it is combined with others in its plane by exclusive or (CLOSEDPLANAR_XOR).
    """

    corners: _Points
    plane: float
    by_parity: bool = False


def distinct(outlines: Sequence[Outline]) -> list[Outline]:
    """Return the outlines of one plane without those that repeat an earlier one."""
    kept: list[Outline] = []
    for outline in outlines:
        if not any(_same(outline.corners, one.corners) for one in kept):
            kept.append(outline)
    return kept


def filled(outlines: Sequence[Outline], shape: tuple[int, int]) -> Mask:
    """Return which voxels' centres the outlines of one plane enclose together, (I, J).

    An outline inside another is a hole in it, and one inside the hole is filled again. Outlines that overlap
    without one lying inside the other are united. Outlines marked for it are combined by exclusive or instead
    (DICOM PS3.3, C.8.8.6.3).

    Args:
        outlines: distinct.
        shape: size of the slice, (I, J).
    """
    areas = [enclosed(one.corners, shape) for one in outlines]
    region = np.zeros(shape, dtype=bool)
    if any(one.by_parity for one in outlines):
        for area in areas:
            region ^= area
        return region
    holders = [[at for at, other in enumerate(outlines) if _is_inside(one, other)] for one in outlines]
    depths = _depths(holders)
    for at, area in enumerate(areas):
        if depths[at] % 2:
            continue
        piece = area.copy()
        for inner, around in enumerate(holders):
            if at in around and depths[inner] == depths[at] + 1:
                piece &= ~areas[inner]
        region |= piece
    return region


def enclosed(polygon: _Points, shape: tuple[int, int]) -> Mask:
    """Return which voxels' centres a polygon encloses, by the even-odd rule.

    Args:
        polygon: its corners in voxel indices, (N, 2).
        shape: size of the slice, (I, J).

    A centre on an edge belongs to the side of smaller indices only, so that of two polygons with one edge in
    common exactly one has it.
    """
    inside = np.zeros(shape, dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        low, high = min(y1, y2), max(y1, y2)
        lines = np.arange(max(0, int(np.ceil(low))), min(shape[1], int(np.ceil(high))))
        if not lines.size:
            continue
        crossings = x1 + (lines - y1) / (y2 - y1) * (x2 - x1)
        inside[:, lines] ^= np.arange(shape[0])[:, np.newaxis] < crossings
    return inside


def _depths(holders: Sequence[Sequence[int]]) -> list[int]:
    """Return how deep each outline is nested: the longest chain of outlines around it."""
    depths = [0] * len(holders)
    for at in sorted(range(len(holders)), key=lambda one: len(holders[one])):
        depths[at] = 1 + max((depths[around] for around in holders[at]), default=-1)
    return depths


def _is_inside(inner: Outline, outer: Outline) -> bool:
    """Return whether an outline lies inside another, which it may touch."""
    if inner is outer:
        return False
    box, around = inner.corners, outer.corners
    if (box.min(axis=0) < around.min(axis=0) - _TOUCH).any() or (
        box.max(axis=0) > around.max(axis=0) + _TOUCH
    ).any():
        return False
    return all(_holds(around, corner) for corner in box) and not _crosses(box, around)


def _holds(polygon: _Points, point: _Points) -> bool:
    """Return whether a point is inside a polygon or touches it."""
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    spans = (starts[:, 1] > point[1]) != (ends[:, 1] > point[1])
    along = (point[1] - starts[spans, 1]) / (ends[spans, 1] - starts[spans, 1])
    right = point[0] < starts[spans, 0] + along * (ends[spans, 0] - starts[spans, 0])
    return bool(np.count_nonzero(right) % 2) or _distance(polygon, point) <= _TOUCH


def _crosses(first: _Points, second: _Points) -> bool:
    """Return whether an edge of a polygon crosses one of another; touching is not crossing."""
    starts, ends = second, np.roll(second, -1, axis=0)
    for start, end in zip(first, np.roll(first, -1, axis=0), strict=True):
        sides = _side(start, end, starts) * _side(start, end, ends)
        own = _side(starts, ends, start) * _side(starts, ends, end)
        if ((sides < 0) & (own < 0)).any():
            return True
    return False


def _side(start: _Points, end: _Points, points: _Points) -> NDArray[np.float64]:
    """Return on which side of lines points lie: -1, 0 where they touch it, or 1."""
    along, across = end - start, points - start
    area: NDArray[np.float64] = along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]
    return np.where(np.abs(area) <= _TOUCH * np.hypot(along[..., 0], along[..., 1]), 0.0, np.sign(area))


def _same(first: _Points, second: _Points) -> bool:
    """Return whether two polygons are the same, wherever and in whichever direction they start."""
    if np.abs(first.min(axis=0) - second.min(axis=0)).max() > _SAME:
        return False
    return all(
        _distance(polygon, corner) <= _SAME
        for polygon, corners in ((first, second), (second, first))
        for corner in corners
    )


def _distance(polygon: _Points, point: _Points) -> float:
    """Return the distance of a point from the edges of a polygon."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    away = point - polygon
    squares = np.maximum((edges**2).sum(axis=1), np.finfo(np.float64).tiny)
    part = np.clip((edges * away).sum(axis=1) / squares, 0.0, 1.0)
    return float(np.sqrt(((away - part[:, np.newaxis] * edges) ** 2).sum(axis=1).min()))
