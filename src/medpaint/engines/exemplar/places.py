"""Places that look like the surroundings of a hole, and where the voxels that the hole lacks are known.

Places are flat indices into the views of a scene, in ascending order wherever they are, so that memory is read
forwards. What is read at all of them lies one row a voxel, so that each row is read in one go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Mask
from medpaint.engines.exemplar.detail import Detail
from medpaint.engines.exemplar.scene import Places, Scene, View

__all__ = ["exemplars"]

Flat = NDArray[np.int64]
"""Flat indices, (P,), or steps between them, (F,)."""

_STAGES: Final = (24, 100)
"""How many of the nearest voxels are compared when places are screened: first all places by few voxels, then the
remaining ones, twice as many as are kept, by more."""

_ROUNDING: Final = np.float32(1.0 + 1e-4)
"""Ratio that two sums of the same squares in different order stay well within."""

_LEAST_KNOWN: Final = 0.8
"""Share of a place's surroundings that has to be known; the rest comes from the smooth fill."""

_CORNERS: Final = tuple(np.ndindex(2, 2, 2))
"""Corners of a box; the number of known voxels in it is the sum of the counts there, each with its sign: that of
the last corner, and changing with each axis along which a corner is the first."""


@dataclass(frozen=True, eq=False)
class _Query:
    """What places are compared with.

    Attributes:
        steps: from a place to its surroundings, nearest first, (F,).
        values: of the surroundings of the hole, (F,).
    """

    steps: Flat
    values: NDArray[np.float32]

    def __getitem__(self, part: slice) -> _Query:
        """Return some of it."""
        return _Query(self.steps[part], self.values[part])


def exemplars(
    scene: Scene, detail: Detail, around: Places, block: Places, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the values at similar places: of the surroundings, then of the block, (F + N, E).

    Args:
        scene: the crop.
        detail: how many places are examined and kept.
        around: surroundings of the block, nearest first, (F, 3).
        block: voxels to be predicted, (N, 3).
        rng: draws the places.
    """
    centre = np.rint(block.mean(axis=0)).astype(np.int64)
    offsets = np.concatenate([around, block]) - centre
    steps = offsets @ _strides(scene.known.shape)[1:]
    query = _Query(steps[: len(around)], scene.values[0][tuple(around.T)])
    few, more = _STAGES
    places = _drawn(scene, detail, centre, offsets, rng)
    places = places[scene.known.ravel().take(places)]
    squares = _squares(scene, places, query[:few])
    chosen = _most_similar(scene, places, squares, query, _STAGES[:1], 2 * detail.kept)
    chosen = chosen[_usable(scene, places[chosen], offsets, block - centre)]
    places, squares = places[chosen], squares[chosen]
    squares += _squares(scene, places, query[few:more])
    places = places[_most_similar(scene, places, squares, query, _STAGES, detail.kept)]
    samples = np.empty((len(steps), len(places)), np.float32)
    first, views = _shifted(scene, places, steps)
    for view, row in zip(views, samples, strict=True):
        view.take(first, out=row, mode="wrap")
    return samples


def _drawn(
    scene: Scene, detail: Detail, centre: NDArray[np.int64], offsets: Places, rng: np.random.Generator
) -> Flat:
    """Return the places that are examined, (P,).

    Args:
        scene: the crop.
        detail: how many places of a view are examined.
        centre: the hole's place in the first view, (3,).
        offsets: from a place to its surroundings and its block, (F + N, 3).
        rng: draws the places.
    """
    shape = scene.known.shape
    first, last = -offsets.min(axis=0), shape[1:] - offsets.max(axis=0)
    strides = _strides(shape)
    drawn = []
    for number, view in enumerate(scene.views):
        lowest, highest = scene.box(_seen(view, centre, shape[1:])[np.newaxis], view.reach_mm)
        lowest = np.maximum(lowest, first)
        extent = np.maximum(np.minimum(highest, last) - lowest, 0)
        inside = _stratified(int(np.prod(extent)), detail.drawn, rng)
        start = int(np.append(number, lowest) @ strides)
        drawn.append(_moved(inside, tuple(extent.tolist()), shape[1:]) + start)
    return np.concatenate(drawn)


def _seen(view: View, place: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return where a place of the first view, (3,), is in another one of the same shape."""
    if view.flipped is None:
        return place
    seen = place.copy()
    seen[view.flipped] = shape[view.flipped] - 1 - place[view.flipped]
    return seen


def _stratified(count: int, wanted: int, rng: np.random.Generator) -> Flat:
    """Return `wanted` of the numbers below `count` in ascending order, or all if at most twice as many.

    One is drawn from each of `wanted` equal stretches, so none is drawn twice.
    """
    if count <= 2 * wanted:
        return np.arange(count)
    return ((np.arange(wanted) + rng.random(wanted)) * (count / wanted)).astype(np.int64)


def _moved(flat: Flat, shape: tuple[int, ...], outer: tuple[int, ...]) -> Flat:
    """Return the flat indices in an array of shape `outer` of the elements with indices `flat` in one of `shape`.

    That is what `np.ravel_multi_index` returns for `np.unravel_index`, in a fraction of the time.
    """
    moved, rest, strides = flat.copy(), flat, _strides(outer)
    for axis in range(len(shape) - 1, 0, -1):
        rest = rest // shape[axis]
        moved += rest * int(strides[axis - 1] - shape[axis] * strides[axis])
    return moved


def _usable(scene: Scene, places: Flat, offsets: Places, block: Places) -> Mask:
    """Return whether a place's whole block is known, and enough of the box of block and surroundings, (P,)."""
    at = _moved(places, scene.known.shape, scene.counts.shape)
    inner, whole = _known_in_box(scene, at, block)
    outer, most = _known_in_box(scene, at, offsets)
    usable: Mask = (inner == whole) & (outer >= _LEAST_KNOWN * most)
    return usable


def _known_in_box(scene: Scene, at: Flat, voxels: Places) -> tuple[NDArray[np.int32], int]:
    """Return how many voxels of the box around `voxels` are known at each place, (P,), and how many it has.

    Args:
        scene: the crop.
        at: flat indices of the places in the scene's counts.
        voxels: relative to a place, (N, 3).
    """
    low, edge = voxels.min(axis=0), np.ptp(voxels, axis=0) + 1
    strides, counts = _strides(scene.counts.shape)[1:], scene.counts.ravel()
    first = at + int(low @ strides)
    total = np.zeros(len(at), dtype=np.int32)
    for corner, step in zip(_CORNERS, (_CORNERS * edge @ strides).tolist(), strict=True):
        count = counts[step:].take(first)
        total += count if sum(corner) % 2 else -count
    return total, int(np.prod(edge))


def _squares(scene: Scene, places: Flat, query: _Query) -> NDArray[np.float32]:
    """Return the sum of the squared differences from the query at each place, (P,)."""
    squares, values = np.zeros((2, len(places)), np.float32)
    first, views = _shifted(scene, places, query.steps)
    for view, wanted in zip(views, query.values, strict=True):
        view.take(first, out=values, mode="wrap")
        values -= wanted
        values *= values
        squares += values
    return squares


def _shifted(scene: Scene, places: Flat, steps: Flat) -> tuple[Flat, list[NDArray[np.float32]]]:
    """Return indices, (P,), and a view of the values for each step, which has there what is a step from a place.

    So no step has to be added to all places. All indices are within the views; to read with the mode "wrap" is
    merely the fastest.
    """
    values, lowest = scene.values.ravel(), int(steps.min(initial=0))
    return places + lowest, [values[step:] for step in (steps - lowest).tolist()]


def _most_similar(
    scene: Scene, places: Flat, squares: NDArray[np.float32], query: _Query, stages: tuple[int, ...], kept: int
) -> NDArray[np.int64]:
    """Return which places are the `kept` most similar to the query, in ascending order, (E,).

    Many places differ by less than the rounding of their sums, because most scans store integers. So that the
    choice does not depend on the order of summation, those near the limit are compared by sums of one order.

    Args:
        scene: the crop.
        places: flat indices, (P,).
        squares: their squared differences from the query, (P,).
        query: what they are compared with.
        stages: by how many of its voxels, the last of which decides, (S,); the ones before decide between equals.
        kept: how many are returned.
    """
    if len(places) <= kept:
        return np.arange(len(places))
    limit = np.partition(squares, kept - 1)[kept - 1]
    chosen = squares < limit / _ROUNDING
    close = np.flatnonzero((squares <= limit * _ROUNDING) & ~chosen)
    exact = []
    for count in stages:
        near = scene.values.ravel().take(places[close, np.newaxis] + query.steps[:count])
        near -= query.values[:count]
        exact.append(np.einsum("pf,pf->p", near, near))
    order = np.lexsort(exact)
    chosen[close[order[: kept - np.count_nonzero(chosen)]]] = True
    return np.flatnonzero(chosen)


def _strides(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return how many elements of an array a step along each axis passes, in C order."""
    return np.cumprod([1, *shape[:0:-1]])[::-1]
