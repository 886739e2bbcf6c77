"""Places in a scan that look like the surroundings of a hole and are known where the hole is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medpaint.core.types import FloatArray, Mask, Spacing, Window

__all__ = ["Scene", "exemplars", "surroundings"]

Places = NDArray[np.int64]
"""Voxel indices, (N, 3)."""

_SURROUNDINGS: Final = {1: 20, 2: 100, 3: 400}
"""Known voxels around a block that it is predicted from, by the number of axes longer than one voxel."""

_REACH_MM: Final = 14.0
"""Distance from a block up to which they are looked for."""

_DRAWN: Final = 20_000
"""Places that are looked at."""

_KEPT: Final = 5_000
"""Places that are learned from."""

_FIRST: Final = 100
"""Voxels, the nearest, by which places are sorted out before all are read."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is known around the holes of a crop.

    Attributes:
        values: intensities, mean 0 and deviation 1 where known, (I, J, K).
        known: True where they are, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        search_mm: how far from a block exemplars are looked for.
    """

    values: FloatArray
    known: Mask
    spacing_mm: Spacing
    search_mm: float


def surroundings(scene: Scene, block: Places) -> tuple[Places, NDArray[np.float32]]:
    """Return the known voxels nearest to a block, nearest first, (F, 3), and their distances in mm, (F,)."""
    lowest, highest = _box(scene, block, _REACH_MM)
    outside = np.ones(highest - lowest, dtype=bool)
    outside[tuple((block - lowest).T)] = False
    distance = distance_transform_edt(outside, sampling=scene.spacing_mm)
    near = np.flatnonzero(scene.known[_window(lowest, highest)] & (distance <= _REACH_MM))
    count = _SURROUNDINGS[max(1, sum(size > 1 for size in scene.known.shape))]
    near = near[np.argsort(distance.ravel()[near], kind="stable")[:count]]
    places = np.stack(np.unravel_index(near, outside.shape), axis=1) + lowest
    return places, distance.ravel()[near].astype(np.float32)


def exemplars(scene: Scene, around: Places, block: Places, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the values at places like the surroundings of a block, (E, F + N): around them, then in the block.

    Half of the places are seen in the mirror of the first axis.

    Args:
        scene: the crop.
        around: surroundings of the block, nearest first, (F, 3).
        block: voxels to be predicted, (N, 3).
        rng: draws the places.
    """
    centre = np.rint(block.mean(axis=0)).astype(np.int64)
    offsets = np.concatenate([around, block]) - centre
    lowest, highest = _box(scene, centre[None], scene.search_mm)
    places = np.argwhere(scene.known[_window(lowest, highest)]) + lowest
    places = places[np.sort(rng.permutation(len(places))[:_DRAWN])]
    turned = np.stack([offsets, offsets * [-1, 1, 1]])
    side = np.arange(len(places)) % 2
    inside = _fits(places, turned, scene.known.shape)[side, np.arange(len(places))]
    stride = np.array([scene.known.shape[1] * scene.known.shape[2], scene.known.shape[2], 1])
    query = scene.values[tuple(around[:_FIRST].T)]
    return _alike(scene, places[inside] @ stride, (turned @ stride)[side[inside]], query)


def _alike(
    scene: Scene, places: NDArray[np.int64], steps: NDArray[np.int64], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the values around those places that are known throughout and look most like the query, (E, F + N).

    Args:
        scene: the crop.
        places: flat indices, (P,).
        steps: flat steps from each place to its surroundings and its block, (P, F + N).
        query: values nearest to the hole, (Q,), with Q <= F.
    """
    values, known = scene.values.ravel(), scene.known.ravel()
    first = values[places[:, None] + steps[:, : len(query)]]
    order = np.argsort(np.square(first - query).sum(axis=1), kind="stable")[: 2 * _KEPT]
    every = places[order, None] + steps[order]
    samples: NDArray[np.float32] = values[every[known[every].all(axis=1)][:_KEPT]]
    return samples


def _fits(places: Places, offsets: NDArray[np.int64], shape: tuple[int, ...]) -> Mask:
    """Return which places have all offsets, (2, N, 3), inside the crop, for either set of them, (2, P)."""
    lowest, highest = (places + bound[:, None] for bound in (offsets.min(axis=1), offsets.max(axis=1)))
    inside: Mask = ((lowest >= 0) & (highest < shape)).all(axis=2)
    return inside


def _window(lowest: NDArray[np.int64], highest: NDArray[np.int64]) -> Window:
    """Return the box from `lowest` to before `highest`, both (3,), as slices."""
    i, j, k = (slice(int(first), int(stop)) for first, stop in zip(lowest, highest, strict=True))
    return i, j, k


def _box(scene: Scene, voxels: Places, reach_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first voxel, and the voxel after the last, of the box around `voxels`, each (3,)."""
    margin = np.ceil(reach_mm / np.asarray(scene.spacing_mm)).astype(np.int64)
    lowest = np.maximum(voxels.min(axis=0) - margin, 0)
    highest = np.minimum(voxels.max(axis=0) + margin + 1, scene.known.shape)
    return lowest, highest
