"""Masks divided by kind: lost slices, also where only the body in them is masked, and other holes."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import lesion_blob
from medpaint.engines.division import HOLES, SLICES, divided
from medpaint.phantoms import head

SHAPE = (40, 44, 36)


def scan() -> FloatArray:
    """Return a head on a slightly noisy background."""
    noise = np.random.default_rng(0).uniform(0.0, 0.02, SHAPE)
    made: FloatArray = (head(SHAPE) + noise).astype(np.float32)
    return made


def lost(*slices: int, axis: int = 2) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    np.moveaxis(mask, axis, 0)[list(slices)] = True
    return mask


def hole() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[14:20, 14:20, 13:22] = True
    return mask


def kinds(mask: Mask, void: Mask | None = None) -> list[str | None]:
    damaged = Volume.of(np.where(mask, np.float32(0.0), scan()))
    return [part.kind for part in divided(damaged, mask, void)]


def test_a_mask_of_one_kind_is_one_part_and_shown_as_before() -> None:
    for mask, kind in ((lost(10, 11), SLICES), (hole(), HOLES), (lost(0, 1), HOLES)):
        (part,) = divided(Volume.of(scan()), mask, None)
        assert part.mask is mask
        assert (part.kind, part.absent, part.unmeasured, part.disregarded) == (kind, None, None, 0)


def test_holes_come_before_lost_slices_and_lose_what_lies_in_them() -> None:
    mask = lost(17) | hole()
    holes, slices = divided(Volume.of(scan()), mask, None)
    assert (holes.kind, slices.kind) == (HOLES, SLICES)
    np.testing.assert_array_equal(slices.mask, lost(17))
    np.testing.assert_array_equal(holes.mask, hole() & ~lost(17))
    np.testing.assert_array_equal(holes.absent, lost(17))
    np.testing.assert_array_equal(slices.unmeasured, holes.mask)
    assert slices.absent is None


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 4])
def test_slices_masked_in_the_body_only_are_lost(axis: int, count: int) -> None:
    body = head(SHAPE) > 0.0
    whole = lost(*range(14, 14 + count), axis=axis)
    (part,) = divided(Volume.of(np.where(whole & body, np.float32(0.0), scan())), whole & body, None)
    assert part.kind == SLICES
    np.testing.assert_array_equal(part.absent, whole & ~body)
    assert part.disregarded == np.count_nonzero(whole & ~body)


def test_a_slice_with_known_tissue_is_not_lost() -> None:
    body = head(SHAPE) > 0.0
    half = lost(17) & body
    half[:18] = False
    assert kinds(half) == [HOLES]


@pytest.mark.parametrize("volume_ml", [2.0, 8.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_blob_is_not_taken_for_lost_slices(volume_ml: float, seed: int) -> None:
    assert kinds(lesion_blob(head(SHAPE) > 0.0, (1.0, 1.0, 1.0), volume_ml=volume_ml, seed=seed)) == [HOLES]


def test_a_blob_as_wide_as_the_body_is_not_taken_for_lost_slices() -> None:
    grid = np.indices(SHAPE) - np.array(SHAPE).reshape(3, 1, 1, 1) / 2.0
    ball = ((grid / np.array([24.0, 26.0, 5.0]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 1.0
    assert kinds(ball & (head(SHAPE) > 0.0)) == [HOLES]


def test_the_end_of_the_body_is_not_a_lost_slice() -> None:
    body = head(SHAPE) > 0.0
    top = int(np.flatnonzero(body.any(axis=(0, 1)))[-1])
    assert kinds(lost(top - 1, top) & body) == [HOLES]


def test_padding_around_the_body_is_void_and_not_air() -> None:
    body = head(SHAPE) > 0.0
    image = np.where(body, scan(), np.float32(np.nan))
    mask = lost(17) & body
    (part,) = divided(Volume.of(np.where(mask, np.float32(0.0), image)), mask, ~body)
    assert (part.kind, part.disregarded) == (SLICES, 0)


def test_a_masked_body_and_a_hole_are_two_parts() -> None:
    body = head(SHAPE) > 0.0
    mask = (lost(28) & body) | hole()
    holes, slices = divided(Volume.of(np.where(mask, np.float32(0.0), scan())), mask, None)
    np.testing.assert_array_equal(slices.mask, lost(28) & body)
    np.testing.assert_array_equal(holes.mask, hole())
    np.testing.assert_array_equal(holes.absent, lost(28))
