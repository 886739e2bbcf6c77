"""Copies of holes that are hidden where the scan looks like it does around the holes."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.heldout.holes import held_out_holes

SHAPE = (60, 60, 60)


def volume() -> Volume:
    """Return noise of two textures: bright in one half, dark in the other."""
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    values[30:] += 20.0
    return Volume.of(values)


def ball(centre: tuple[int, int, int], radius: float) -> Mask:
    distance = [(np.arange(size) - place) ** 2 for size, place in zip(SHAPE, centre, strict=True)]
    return np.asarray(distance[0][:, None, None] + distance[1][:, None] + distance[2] <= radius**2)


def hidden(scan: Volume, mask: Mask, void: Mask | None = None, seed: int = 0) -> Mask:
    """Return what is hidden of the scan, (I, J, K)."""
    found = np.zeros(SHAPE, dtype=bool)
    for one in held_out_holes(scan, mask, void, seed=seed):
        found[one.window] |= one.hidden
    return found


def test_at_most_about_a_third_of_the_mask_is_hidden_apart_from_it() -> None:
    mask = ball((15, 20, 20), 7.0)
    found = hidden(volume(), mask)
    assert 0.2 * np.count_nonzero(mask) < np.count_nonzero(found) < 0.4 * np.count_nonzero(mask)
    gap = min(np.abs(np.argwhere(mask)[::7, None] - np.argwhere(found)[None, ::3]).max(axis=2).min(), 99)
    assert gap >= 6


@pytest.mark.parametrize("centre", [(15, 20, 20), (44, 40, 30)])
def test_the_copy_lies_in_tissue_like_that_around_the_hole(centre: tuple[int, int, int]) -> None:
    found = hidden(volume(), ball(centre, 6.0))
    assert found.any()
    assert set(np.argwhere(found)[:, 0] >= 30) == {centre[0] >= 30}


def test_each_of_several_holes_has_a_copy() -> None:
    mask = ball((15, 15, 15), 5.0) | ball((15, 45, 45), 5.0)
    found = hidden(volume(), mask)
    assert 0.2 * np.count_nonzero(mask) < np.count_nonzero(found) < 0.4 * np.count_nonzero(mask)


def test_nothing_unknown_is_hidden() -> None:
    mask, void = ball((15, 20, 20), 6.0), np.zeros(SHAPE, dtype=bool)
    void[:, :, 30:] = True
    values = np.asarray(volume().data).copy()
    values[:, 45:] = np.nan
    found = hidden(Volume.of(values), mask, void)
    assert found.any()
    assert not (found & (mask | void | ~np.isfinite(values))).any()


@pytest.mark.parametrize("slices", [1, 3])
def test_copies_of_flat_holes_fit_into_few_slices(slices: int) -> None:
    scan, mask = volume(), ball((15, 20, 20), 6.0)
    few = np.s_[:, :, 20 : 20 + slices]
    found = np.zeros(mask[few].shape, dtype=bool)
    for one in held_out_holes(Volume.of(scan.data[few]), mask[few], None, seed=0):
        found[one.window] |= one.hidden
    assert 0.2 * np.count_nonzero(mask[few]) < np.count_nonzero(found) < 0.5 * np.count_nonzero(mask[few])


def test_the_seed_decides() -> None:
    mask = ball((15, 20, 20), 6.0)
    np.testing.assert_array_equal(hidden(volume(), mask), hidden(volume(), mask))
    assert (hidden(volume(), mask) != hidden(volume(), mask, seed=1)).any()


@pytest.mark.parametrize("mask", [ball((30, 30, 30), 35.0), ball((30, 30, 30), 2.0)], ids=["huge", "tiny"])
def test_a_hole_without_room_for_a_copy_or_too_small_for_one_has_none(mask: Mask) -> None:
    assert not hidden(volume(), mask).any()
