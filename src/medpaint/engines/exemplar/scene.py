"""What can be learned from around a hole: views of the scan, and the known voxels nearest to a block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.exemplar.detail import Detail

__all__ = ["Places", "Scene", "View", "surroundings"]

Places = NDArray[np.int64]
"""Voxel indices, (N, 3)."""

_SURROUNDINGS: Final = {1: 20, 2: 100}
"""Number of known voxels around a block from which it is predicted, by the number of axes longer than one voxel;
in 3D the detail sets it."""

_REACH_MM: Final = 14.0
"""Largest distance of those voxels from the block."""

_GOLDEN: Final = 0.6180339887498949
"""Step that orders voxels of equal distance so that they alternate between all sides of a block: the first few
have to be representative of all."""


@dataclass(frozen=True)
class View:
    """A way of looking at the scan from a hole.

    Attributes:
        reach_mm: how far from the block's own place in this view exemplars are searched for.
        flipped: axis along which the block's place is counted from the other end; None: from the first.
    """

    reach_mm: float
    flipped: int | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """What can be learned from around the holes of a crop.

    Attributes:
        values: intensities in each view; smoothly filled where unknown, (V, I, J, K). The first view is the
            crop itself.
        known: True where they are measured, (V, I, J, K).
        views: what each of them shows, V of them.
        spacing_mm: voxel size along I, J, K.
        counts: known voxels before each voxel along all axes, so that the corners of a box give the number in it,
            (V, I + 1, J + 1, K + 1).
    """

    values: FloatArray
    known: Mask
    views: tuple[View, ...]
    spacing_mm: Spacing
    counts: NDArray[np.int32]

    @classmethod
    def of(cls, values: FloatArray, known: Mask, views: tuple[View, ...], spacing_mm: Spacing) -> Scene:
        """Return the scene of some views, with their known voxels counted."""
        counts = np.pad(known.astype(np.int32), [(0, 0), (1, 0), (1, 0), (1, 0)])
        for axis in (1, 2, 3):
            np.cumsum(counts, axis=axis, out=counts)
        return cls(values, known, views, spacing_mm, counts)

    def scaled(self, centre: float, spread: float) -> Scene:
        """Return the scene with `centre` as 0 and `spread` as 1, in single precision."""
        return replace(self, values=((self.values - centre) / spread).astype(np.float32))

    def box(self, voxels: Places, reach_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first voxel, and the voxel after the last, of the box around `voxels`, each (3,)."""
        margin = np.ceil(reach_mm / np.asarray(self.spacing_mm)).astype(np.int64)
        lowest = np.maximum(voxels.min(axis=0) - margin, 0)
        highest = np.minimum(voxels.max(axis=0) + margin + 1, self.known.shape[1:])
        return lowest, highest


def surroundings(scene: Scene, detail: Detail, block: Places) -> tuple[Places, NDArray[np.float32]]:
    """Return the known voxels nearest to a block's box, nearest first, (F, 3), and their distances in mm, (F,).

    Voxels of equal distance come from all sides in turn.
    """
    lowest, highest = scene.box(block, _REACH_MM)
    distance_mm = _distances(scene, block, lowest, highest)
    i, j, k = (slice(int(first), int(stop)) for first, stop in zip(lowest, highest, strict=True))
    near = np.flatnonzero(scene.known[0, i, j, k] & (distance_mm <= _REACH_MM))
    apart_mm = distance_mm.ravel()[near]
    count = _SURROUNDINGS.get(max(1, sum(size > 1 for size in distance_mm.shape)), detail.surroundings)
    chosen = np.arange(len(near))
    if len(near) > count:
        chosen = np.flatnonzero(apart_mm <= np.partition(apart_mm, count - 1)[count - 1])
    chosen = chosen[np.lexsort((chosen * _GOLDEN % 1.0, apart_mm[chosen]))[:count]]
    places = np.stack(np.unravel_index(near[chosen], distance_mm.shape), axis=1) + lowest
    return places, apart_mm[chosen].astype(np.float32)


def _distances(
    scene: Scene, block: Places, lowest: NDArray[np.int64], highest: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the distances in mm of the voxels from `lowest` to before `highest` from a block's box."""
    first, last = block.min(axis=0), block.max(axis=0)
    squared = np.zeros(1)
    for axis in range(3):
        line = np.arange(lowest[axis], highest[axis])
        gap = np.maximum(np.maximum(first[axis] - line, line - last[axis]), 0) * scene.spacing_mm[axis]
        squared = squared[..., np.newaxis] + gap**2
    distances: NDArray[np.float64] = np.sqrt(squared[0])
    return distances
