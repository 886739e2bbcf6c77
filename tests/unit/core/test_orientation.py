"""Axes turned to right, anterior, superior, and back."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from medpaint.core.geometry import axis_codes
from medpaint.core.orientation import Orientation
from medpaint.core.types import Affine

SIZES = (2.0, 3.0, 4.0)


def affine_of(order: tuple[int, ...], signs: tuple[int, ...]) -> Affine:
    """Return a grid whose axis n points along the anatomical axis order[n], forwards or backwards."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag(SIZES)[:, list(order)] * np.array(signs)
    return affine


ALL = [affine_of(order, signs) for order, signs in product(permutations(range(3)), product((1, -1), repeat=3))]
every_orientation = pytest.mark.parametrize("affine", ALL, ids=axis_codes)


def test_there_are_48_orientations() -> None:
    found = [Orientation.of(affine) for affine in ALL]
    assert len({(one.axes, one.flips) for one in found}) == len(ALL) == 48


@every_orientation
def test_turning_back_gives_the_stored_array(affine: Affine) -> None:
    stored = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    turn = Orientation.of(affine)
    assert np.array_equal(turn.turned_back(turn.turned(stored)), stored)


@every_orientation
def test_turned_axes_point_right_anterior_superior(affine: Affine) -> None:
    places = np.indices((2, 3, 5)).reshape(3, -1)
    world = (affine[:3, :3] @ places).reshape(3, 2, 3, 5)
    turn = Orientation.of(affine)
    turned = [turn.turned(coordinate) for coordinate in world]
    for axis, coordinate in enumerate(turned):
        assert np.unique(np.diff(coordinate, axis=axis)) == pytest.approx(SIZES[axis])


@every_orientation
def test_a_window_of_a_turned_array_is_one_of_the_stored_array(affine: Affine) -> None:
    stored, turn = np.arange(3 * 4 * 5).reshape(3, 4, 5), Orientation.of(affine)
    turned = turn.turned(stored)
    window = np.s_[1:3, 0:2, 2:3]
    part = turn.turned(stored[turn.stored(window, turned.shape)])
    assert np.array_equal(part, turned[window])


@every_orientation
def test_spacing_follows_the_axes(affine: Affine) -> None:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    i, j, k = (float(length) for length in lengths)
    assert Orientation.of(affine).spacing((i, j, k)) == pytest.approx(SIZES)


def test_an_oblique_grid_is_turned_by_its_nearest_axes() -> None:
    angle = 0.4
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for affine in ALL:
        assert Orientation.of(turn @ affine) == Orientation.of(affine)


def test_turning_copies_nothing() -> None:
    stored = np.zeros((2, 3, 5))
    assert np.shares_memory(Orientation.of(ALL[-1]).turned(stored), stored)
