"""The places that the exemplar engine learns from, against a search that takes no shortcuts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.exemplar.detail import Block, Detail
from medpaint.engines.exemplar.places import exemplars
from medpaint.engines.exemplar.scene import Places, Scene, View, surroundings

SHAPE = (24, 22, 20)
BLOCK: Block = np.argwhere(np.ones((3, 3, 3), dtype=bool)) + np.array([10, 9, 9], dtype=np.int64)
EVERYWHERE = Detail(4.0, 1, 1, surroundings=60, drawn=10_000, kept=150)
"""Every place of the scene is examined."""


def scene(levels: int, flipped: int | None = None) -> Scene:
    """Return a scene of integers, of which few levels make many places equally similar."""
    rng = np.random.default_rng(3)
    smooth = gaussian_filter(rng.standard_normal(SHAPE), 1.5)
    values = np.rint(levels * smooth / smooth.std()).astype(np.float32) / np.float32(3.7)
    known = np.ones(SHAPE, dtype=bool)
    known[9:14, 8:13, 8:13] = False
    known[3:5, 4, 15] = False
    views = (View(25.0), View(25.0, flipped=flipped)) if flipped is not None else (View(25.0),)
    both = [(values, known), (np.flip(values, flipped or 0), np.flip(known, flipped or 0))][: len(views)]
    everything, measured = (np.stack(arrays) for arrays in zip(*both, strict=True))
    return Scene.of(everything, measured, views, (1.0, 1.0, 1.0))


def by_hand(scene: Scene, around: Places, detail: Detail) -> NDArray[np.float32]:
    """Return the exemplars, (F + N, E), by sorting all places, one sum a place."""
    centre = np.rint(BLOCK.mean(axis=0)).astype(np.int64)
    offsets, inner = np.concatenate([around, BLOCK]) - centre, BLOCK - centre
    query = scene.values[0][tuple(around.T)]
    first, last = -offsets.min(axis=0), SHAPE - offsets.max(axis=0)
    inside = np.argwhere(np.ones(last - first, dtype=bool)) + first
    found = [(v, place) for v in range(len(scene.views)) for place in inside if scene.known[v][tuple(place)]]

    def patch(v: int, place: NDArray[np.int64], steps: Places, of: FloatArray | Mask) -> FloatArray:
        return np.asarray(of[v][tuple((place + steps).T)], dtype=np.float32)

    def distance(at: tuple[int, NDArray[np.int64]], count: int) -> np.float32:
        near = (patch(*at, offsets[: len(around)][:count], scene.values) - query[:count])[np.newaxis]
        return np.float32(np.einsum("pf,pf->p", near, near)[0])

    def usable(v: int, place: NDArray[np.int64]) -> bool:
        low, high = place + offsets.min(axis=0), place + offsets.max(axis=0) + 1
        box = scene.known[v][tuple(slice(*ends) for ends in zip(low, high, strict=True))]
        return bool(patch(v, place, inner, scene.known).all() and box.mean() >= 0.8)

    found = sorted(found, key=lambda at: distance(at, 24))[: 2 * detail.kept]
    found = sorted((at for at in found if usable(*at)), key=lambda at: distance(at, 100))
    return np.stack([patch(*at, offsets, scene.values) for at in found[: detail.kept]], axis=1)


@pytest.mark.parametrize("levels", [1, 2, 100])
@pytest.mark.parametrize("flipped", [None, 0, 2])
def test_the_most_similar_places_are_found(levels: int, flipped: int | None) -> None:
    seen = scene(levels, flipped)
    around, _ = surroundings(seen, EVERYWHERE, BLOCK)
    found = exemplars(seen, EVERYWHERE, around, BLOCK, np.random.default_rng(0))
    expected = by_hand(seen, around, EVERYWHERE)
    assert found.shape == (len(around) + len(BLOCK), EVERYWHERE.kept)
    np.testing.assert_array_equal(found[:, np.lexsort(found)], expected[:, np.lexsort(expected)])


def test_nothing_is_found_where_no_place_has_room() -> None:
    seen = scene(2)
    around = np.array([[0, 0, 0], [23, 21, 19], [0, 21, 19]])
    assert exemplars(seen, EVERYWHERE, around, BLOCK, np.random.default_rng(0)).shape[1] <= 1
