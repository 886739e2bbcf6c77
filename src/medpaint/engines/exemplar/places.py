"""Places that look like the surroundings of a hole, and where the voxels that the hole lacks are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.exemplar.detail import Detail

__all__ = ["Scene", "View", "exemplars", "surroundings"]

Places = NDArray[np.int64]
"""Voxel indices, (N, 3)."""

_SURROUNDINGS: Final = {1: 20, 2: 100}
"""Number of known voxels around a block from which it is predicted, by the number of axes longer than one voxel;
in 3D the detail sets it."""

_REACH_MM: Final = 14.0
"""Largest distance of those voxels from the block."""

_STAGES: Final = (24, 100)
"""How many of the nearest voxels are compared when places are screened: first all places by few voxels, then the
remaining ones, twice as many as are kept, by more."""

_GOLDEN: Final = 0.6180339887498949
"""Step that orders voxels of equal distance so that they alternate between all sides of a block: the first few
have to be representative of all."""

_MANY: Final = 2
"""Multiple of the places to keep above which most are dropped by a quick sum first, which reads forwards."""

_ROUNDING: Final = np.float32(1.0 + 1e-4)
"""Ratio that two sums of the same squares in different order stay well within."""

_LEAST_KNOWN: Final = 0.8
"""Share of a place's surroundings that has to be known; the rest comes from the smooth fill."""


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


def surroundings(scene: Scene, detail: Detail, block: Places) -> tuple[Places, NDArray[np.float32]]:
    """Return the known voxels nearest to a block's box, nearest first, (F, 3), and their distances in mm, (F,).

    Voxels of equal distance come from all sides in turn.
    """
    lowest, highest = _box(scene, block, _REACH_MM)
    first, last = block.min(axis=0), block.max(axis=0)
    squared = np.zeros(1)
    for axis in range(3):
        line = np.arange(lowest[axis], highest[axis])
        gap = np.maximum(np.maximum(first[axis] - line, line - last[axis]), 0) * scene.spacing_mm[axis]
        squared = squared[..., np.newaxis] + gap**2
    distance = np.sqrt(squared[0])
    near = np.flatnonzero(scene.known[0][_window(lowest, highest)] & (distance <= _REACH_MM))
    near = near[np.argsort(np.arange(len(near)) * _GOLDEN % 1.0, kind="stable")]
    count = _SURROUNDINGS.get(max(1, sum(size > 1 for size in distance.shape)), detail.surroundings)
    near = near[np.argsort(distance.ravel()[near], kind="stable")[:count]]
    places = np.stack(np.unravel_index(near, distance.shape), axis=1) + lowest
    return places, distance.ravel()[near].astype(np.float32)


def exemplars(
    scene: Scene, detail: Detail, around: Places, block: Places, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the values at similar places: of the surroundings, then of the block, (E, F + N).

    Args:
        scene: the crop.
        detail: how many places are examined and kept.
        around: surroundings of the block, nearest first, (F, 3).
        block: voxels to be predicted, (N, 3).
        rng: draws the places.
    """
    shape = np.array(scene.known.shape[1:])
    centre = np.rint(block.mean(axis=0)).astype(np.int64)
    offsets = np.concatenate([around, block]) - centre
    first, last = -offsets.min(axis=0), shape - offsets.max(axis=0)
    flat = []
    for number, view in enumerate(scene.views):
        place = centre.copy()
        if view.flipped is not None:
            place[view.flipped] = shape[view.flipped] - 1 - place[view.flipped]
        lowest, highest = _box(scene, place[np.newaxis], view.reach_mm)
        lowest, highest = np.maximum(lowest, first), np.minimum(highest, last)
        extent = np.maximum(highest - lowest, 0)
        flat.append((_drawn(extent, detail.drawn, rng) + lowest) @ _strides(shape) + number * int(np.prod(shape)))
    drawn = np.concatenate(flat)
    steps = offsets @ _strides(shape)
    query = scene.values[0][tuple(around.T)]
    few, more = _STAGES
    places = drawn[scene.known.ravel()[drawn]]
    places = _most_similar(scene, places, steps[: len(around)][:few], query[:few], 2 * detail.kept)
    places = places[_usable(scene, places, offsets, block - centre)]
    places = _most_similar(scene, places, steps[: len(around)][:more], query[:more], detail.kept)
    samples: NDArray[np.float32] = scene.values.ravel().take(places[:, np.newaxis] + steps)
    return samples


def _usable(scene: Scene, places: NDArray[np.int64], offsets: Places, block: Places) -> Mask:
    """Return whether a place's whole block is known, and enough of the box of block and surroundings, (P,)."""
    counts = scene.counts.ravel()
    at = np.ravel_multi_index(np.unravel_index(places, scene.known.shape), scene.counts.shape)
    strides = _strides(np.array(scene.counts.shape[1:]))

    def share(voxels: Places) -> NDArray[np.float64]:
        low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
        total = np.zeros(len(places), dtype=np.int64)
        for pick in np.ndindex(2, 2, 2):
            total += (-1) ** (3 - sum(pick)) * counts.take(at + int(np.where(pick, high, low) @ strides))
        return np.asarray(total / np.prod(high - low))

    usable: Mask = (share(block) == 1.0) & (share(offsets) >= _LEAST_KNOWN)
    return usable


def _most_similar(
    scene: Scene, places: NDArray[np.int64], steps: NDArray[np.int64], query: NDArray[np.float32], kept: int
) -> NDArray[np.int64]:
    """Return the `kept` places that are most similar to the query, most similar first, (E,).

    Args:
        scene: the crop.
        places: flat indices, (P,).
        steps: flat steps from a place to its surroundings, nearest first, (F,).
        query: values of the surroundings of the hole, (F,).
        kept: how many are returned.
    """
    values = scene.values.ravel()
    if len(places) > _MANY * kept:
        rough = np.zeros(len(places), np.float32)
        for step, wanted in zip(steps.tolist(), query, strict=True):
            near = values.take(places + step)
            near -= wanted
            near *= near
            rough += near
        limit = np.partition(rough, kept - 1)[kept - 1]
        places = places[rough <= limit * _ROUNDING]
    near = values.take(places[:, np.newaxis] + steps)
    near -= query
    return places[_smallest(np.einsum("pf,pf->p", near, near), kept)]


def _smallest(distance: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return where the `count` smallest numbers are, smallest first; equal ones in their order."""
    if len(distance) > count:
        limit = np.partition(distance, count - 1)[count - 1]
        below, equal = np.flatnonzero(distance < limit), np.flatnonzero(distance == limit)
        chosen = np.sort(np.concatenate([below, equal[: count - len(below)]]))
        return chosen[np.argsort(distance[chosen], kind="stable")]
    return np.argsort(distance, kind="stable")


def _drawn(extent: NDArray[np.int64], wanted: int, rng: np.random.Generator) -> Places:
    """Return places in a box of `extent` voxels, (3,), in C order: `wanted`, or all if at most twice as many.

    One is drawn from each of `wanted` equal stretches, so none is drawn twice.
    """
    count = int(np.prod(extent))
    if not count:
        return np.empty((0, 3), dtype=np.int64)
    drawn = np.arange(count)
    if count > 2 * wanted:
        drawn = ((np.arange(wanted) + rng.random(wanted)) * (count / wanted)).astype(np.int64)
    return np.stack(np.unravel_index(drawn, tuple(extent)), axis=1)


def _strides(shape: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many voxels a step along each axis passes, in C order, (3,)."""
    return np.array([shape[1] * shape[2], shape[2], 1], dtype=np.int64)


def _window(lowest: NDArray[np.int64], highest: NDArray[np.int64]) -> Window:
    """Return the box from `lowest` to before `highest`, both (3,), as slices."""
    i, j, k = (slice(int(first), int(stop)) for first, stop in zip(lowest, highest, strict=True))
    return i, j, k


def _box(scene: Scene, voxels: Places, reach_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first voxel, and the voxel after the last, of the box around `voxels`, each (3,)."""
    margin = np.ceil(reach_mm / np.asarray(scene.spacing_mm)).astype(np.int64)
    lowest = np.maximum(voxels.min(axis=0) - margin, 0)
    highest = np.minimum(voxels.max(axis=0) + margin + 1, scene.known.shape[1:])
    return lowest, highest
