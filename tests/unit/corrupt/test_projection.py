"""Projections of a slice, and slices from projections."""

from __future__ import annotations

import numpy as np

from medpaint.corrupt.artefacts.projection import back_projected, projected

SIZE = 64
ANGLES = np.arange(120) * np.pi / 120
GRID = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2.0
DISC = np.where(np.hypot(*GRID) < 20.0, 1.0, 0.0)
ALL = np.zeros(ANGLES.size, np.intp)


def test_projections_keep_the_mass_and_show_the_longest_chord() -> None:
    sums = projected(DISC, ANGLES, ALL, SIZE)
    np.testing.assert_allclose(sums.sum(axis=1), DISC.sum(), rtol=0.01)
    np.testing.assert_allclose(sums.max(axis=1), 40.0, atol=1.0)


def test_some_rays_are_those_of_all() -> None:
    sums = projected(DISC, ANGLES, ALL, SIZE)
    some = projected(DISC, ANGLES, np.full(ANGLES.size, 17), 9)
    np.testing.assert_allclose(some, sums[:, 17:26], atol=1e-9)


def test_disc_off_the_centre_returns_in_its_place() -> None:
    image = np.where(np.hypot(GRID[0] - 9.0, GRID[1] + 5.0) < 8.0, 3.0, 0.0)
    returned = back_projected(projected(image, ANGLES, ALL, SIZE), ANGLES)
    inside = np.hypot(GRID[0] - 9.0, GRID[1] + 5.0)
    np.testing.assert_allclose(returned[inside < 6.0], 3.0, atol=0.15)
    assert np.abs(returned[(inside > 10.0) & (np.hypot(*GRID) < 28.0)]).max() < 0.25
