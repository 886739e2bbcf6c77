"""The other side of the body, hidden with a copy of a hole across the midline."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.heldout.holes import held_out_holes
from medpaint.engines.heldout.mirrored import other_side_too
from medpaint.phantoms import head

SHAPE = (64, 72, 60)


def volume() -> Volume:
    return Volume.of(head(SHAPE, (3.0, 3.0, 3.0)).astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


def box(first: int, stop: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[28:34, first:stop, 28:34] = True
    return mask


def test_the_other_side_of_a_copy_is_unseen_if_the_hole_lies_across_the_midline() -> None:
    hole, copy = box(32, 40), box(12, 16)
    unseen = other_side_too(volume(), hole, hole, copy)
    assert unseen is not None
    found = np.flatnonzero(unseen.any(axis=(0, 2)))
    assert abs(found.mean() - (SHAPE[1] - 1 - 13.5)) <= 4.0
    assert np.count_nonzero(unseen) == np.count_nonzero(copy)


def test_as_large_a_part_is_unseen_as_of_the_hole() -> None:
    hole, copy = box(34, 44), box(12, 16)
    unseen = other_side_too(volume(), hole, hole, copy)
    assert unseen is not None
    assert np.count_nonzero(unseen) / np.count_nonzero(copy) == pytest.approx(0.4, abs=0.2)


def test_the_other_side_is_seen_if_that_of_the_hole_is() -> None:
    hole = box(12, 18)
    assert other_side_too(volume(), hole, hole, box(40, 44)) is None


def test_a_body_without_symmetry_has_no_other_side() -> None:
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    assert other_side_too(Volume.of(noise), box(32, 40), box(32, 40), box(12, 16)) is None


def test_a_sham_of_a_hole_across_the_midline_leaves_it_out() -> None:
    (one,) = held_out_holes(volume(), box(30, 42), None, seed=0)
    assert one.unseen is not None
    assert not (one.unseen & one.hidden).any()
