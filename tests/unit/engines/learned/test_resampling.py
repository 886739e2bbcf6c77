"""Crops resampled to the voxel size of a network, and back."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.engines.learned.resampling import resampled, working_shape, working_size


@pytest.mark.parametrize(("size_mm", "seen_mm"), [(0.75, 0.75), (1.0, 1.0), (1.5, 1.5), (0.5, 1.0), (3.0, 1.0)])
def test_voxels_near_a_millimetre_are_not_resampled(size_mm: float, seen_mm: float) -> None:
    assert working_size(size_mm) == seen_mm


def test_a_shape_keeps_its_field_of_view() -> None:
    assert working_shape((40, 40, 10), (0.5, 1.0, 3.0)) == (20, 40, 30)


def test_a_kept_axis_or_one_of_a_single_voxel_is_not_resampled() -> None:
    assert working_shape((40, 40, 10), (0.5, 0.5, 3.0), kept=2) == (20, 20, 10)
    assert working_shape((40, 40, 1), (0.5, 0.5, 3.0)) == (20, 20, 1)
    assert working_shape((2, 40, 10), (0.1, 1.0, 1.0)) == (2, 40, 10)


def test_a_grid_that_fits_is_returned_unchanged() -> None:
    channels = np.random.default_rng(0).normal(size=(2, 5, 6, 7)).astype(np.float32)
    assert resampled(channels, (5, 6, 7)) is channels


@pytest.mark.parametrize("shape", [(10, 6, 7), (5, 3, 14), (2, 2, 2)])
def test_a_constant_stays_constant(shape: tuple[int, int, int]) -> None:
    on_grid = resampled(np.full((2, 5, 6, 7), 3.0, np.float32), shape)
    assert on_grid.shape == (2, *shape)
    assert on_grid == pytest.approx(np.full((2, *shape), 3.0))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_slope_keeps_its_place_and_comes_back(factor: int) -> None:
    slope = np.broadcast_to(np.arange(12, dtype=np.float32)[:, np.newaxis, np.newaxis], (1, 12, 4, 4))
    fine = resampled(np.ascontiguousarray(slope), (12 * factor, 4, 4))
    places = (np.arange(12 * factor) + 0.5) / factor - 0.5
    inner = slice(factor, -factor)
    assert fine[0, inner, 1, 1] == pytest.approx(places[inner], abs=1e-4)
    back = resampled(fine, (12, 4, 4))
    assert back[0, 1:-1, 1, 1] == pytest.approx(np.arange(1, 11), abs=1e-4)


def test_channels_do_not_mix() -> None:
    channels = np.zeros((2, 6, 6, 6), np.float32)
    channels[1] = 1.0
    on_grid = resampled(channels, (9, 9, 9))
    assert not on_grid[0].any()
    assert on_grid[1] == pytest.approx(np.ones((9, 9, 9)))
