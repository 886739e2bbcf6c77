"""Boxes around the holes of a mask, so that work scales with the mask and not with the volume.

Boxes are found and merged on a grid of cells: a cell is one voxel for a compact mask, and larger for one that
spreads over a large volume. Boxes are never compared pair by pair, so a mask of thousands of specks takes no
longer than a solid one of the same extent.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from medpaint.core.types import Mask, Spacing, Window

__all__ = ["LEAST_MARGIN", "windows"]

LEAST_MARGIN: Final = 2
"""Smallest margin of a window around a hole, in voxels, where the volume has them."""

_MOST_CELLS: Final = 1_000_000
"""Largest number of cells that the extent of a mask is divided into."""

_FACE_EDGE_CORNER: Final = np.ones((3, 3, 3), dtype=bool)

_Boxes = NDArray[np.int64]
"""First voxel and the voxel after the last along each axis, (B, 2, 3)."""


def windows(mask: Mask, spacing_mm: Spacing, context_mm: float) -> list[Window]:
    """Return boxes around the connected parts of a mask, with known tissue around them.

    Args:
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        context_mm: margin around each part, in millimetres; at least `LEAST_MARGIN` voxels.

    Returns:
        Boxes that do not overlap, in C order of their first voxels; each masked voxel lies in exactly one.
        Parts whose boxes would overlap share one. Empty if the mask is.
    """
    extent = _extent(mask)
    if extent is None:
        return []
    margin = np.maximum(LEAST_MARGIN, np.ceil(context_mm / np.asarray(spacing_mm, float))).astype(np.int64)
    cell = _cell_size(extent[1] - extent[0])
    boxes = _parts(mask, extent, cell)
    boxes[:, 0] = np.maximum(boxes[:, 0] - margin, 0)
    boxes[:, 1] = np.minimum(boxes[:, 1] + margin, mask.shape)
    merged = _merged(boxes, cell)
    order = np.lexsort(merged[:, 0].T[::-1])
    return [_window(box) for box in merged[order]]


def _extent(mask: Mask) -> _Boxes | None:
    """Return the bounding box of all masked voxels, (2, 3), or None if the mask is empty."""
    rows = np.asarray(mask.any(axis=2))
    if not rows.any():
        return None
    i = np.flatnonzero(rows.any(axis=1))
    j = np.flatnonzero(rows.any(axis=0))
    k = np.flatnonzero(mask[i[0] : i[-1] + 1, j[0] : j[-1] + 1].any(axis=(0, 1)))
    return np.array([[i[0], j[0], k[0]], [i[-1] + 1, j[-1] + 1, k[-1] + 1]])


def _cell_size(extent: NDArray[np.int64]) -> int:
    """Return the smallest edge, in voxels, with which at most `_MOST_CELLS` cells cover an `extent`, (3,)."""
    cell = 1
    while np.prod(-(-extent // cell)) > _MOST_CELLS:
        cell += 1
    return cell


def _parts(mask: Mask, extent: _Boxes, cell: int) -> _Boxes:
    """Return the bounding boxes of the parts of a mask whose cells touch."""
    cells = mask[_window(extent)]
    for axis in range(3):
        edges = np.arange(0, cells.shape[axis], cell)
        cells = cells if cell == 1 else np.logical_or.reduceat(cells, edges, axis=axis)
    numbers, _ = label(cells, structure=_FACE_EDGE_CORNER)
    boxes = []
    for part in find_objects(numbers):
        first = extent[0] + [cell * one.start for one in part]
        last = np.minimum(extent[0] + [cell * one.stop for one in part], extent[1])
        inner = _extent(mask[_window(np.array([first, last]))])
        boxes.append(first + inner)
    return np.array(boxes)


def _merged(boxes: _Boxes, cell: int) -> _Boxes:
    """Join boxes that share a cell until no two do."""
    origin = boxes[:, 0].min(axis=0)
    while len(boxes) > 1:
        first, stop = _ranks((boxes[:, 0] - origin) // cell, -((origin - boxes[:, 1]) // cell))
        numbers, count = label(_covered(first, stop))
        group = numbers[tuple(first.T)] - 1
        joined = np.empty((count, 2, 3), dtype=np.int64)
        joined[:, 0], joined[:, 1] = np.iinfo(np.int64).max, 0
        np.minimum.at(joined[:, 0], group, boxes[:, 0])
        np.maximum.at(joined[:, 1], group, boxes[:, 1])
        if count == len(boxes):
            return joined
        boxes = joined
    return boxes


def _ranks(first: NDArray[np.int64], stop: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ends of boxes, both (B, 3), as ranks among all ends along the same axis.

    Boxes meet as they did, on a grid that has no more cells than it needs to tell their ends apart.
    """
    ranks = np.empty((2, *first.shape), dtype=np.int64)
    for axis in range(3):
        ends = np.stack([first[:, axis], stop[:, axis]])
        ranks[..., axis] = np.searchsorted(np.unique(ends), ends)
    return ranks[0], ranks[1]


def _covered(first: NDArray[np.int64], stop: NDArray[np.int64]) -> Mask:
    """Return which cells lie in any of the boxes from `first` up to `stop`, exclusive, both (B, 3).

    Each box is written as signs at its eight corners; cumulative sums along the axes turn them into its cells.
    """
    corners = np.zeros(stop.max(axis=0) + 1, dtype=np.int32)
    for place in np.ndindex(2, 2, 2):
        corner = np.where(np.array(place) == 0, first, stop)
        np.add.at(corners, tuple(corner.T), (-1) ** sum(place))
    for axis in range(3):
        np.cumsum(corners, axis=axis, out=corners)
    covered: Mask = corners > 0
    return covered


def _window(box: _Boxes) -> Window:
    """Return a box, (2, 3), as slices."""
    i, j, k = (slice(int(first), int(last)) for first, last in box.T)
    return i, j, k
