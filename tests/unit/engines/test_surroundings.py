"""What lies just outside a mask, and the warnings about it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.doubts import unlike
from medpaint.engines.limits import beyond_measured
from medpaint.engines.surroundings import surroundings

SHAPE = (64, 60, 56)


def distance(centre: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return the distance of every voxel to a centre."""
    grid = np.meshgrid(*(np.arange(size) - at for size, at in zip(SHAPE, centre, strict=True)), indexing="ij")
    return np.asarray(np.sqrt(np.square(grid).sum(axis=0)))


@cache
def scan() -> NDArray[np.float64]:
    """Return a textured ball in a constant background."""
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 2.0)
    return np.where(distance((32, 30, 28)) < 26, 100.0 + 100.0 * noise, 0.0)


def warnings(image: NDArray[np.float64], mask: Mask) -> str:
    return " ".join(unlike(surroundings(Volume.of(image.astype(np.float32)), mask)))


@pytest.mark.parametrize("seed", range(4))
def test_a_hole_in_healthy_tissue_is_not_doubted(seed: int) -> None:
    i, j, k = np.random.default_rng(seed).integers(24, 36, 3)
    assert warnings(scan(), distance((int(i), int(j), int(k))) < 6) == ""


def test_streaks_beside_metal_are_doubted() -> None:
    centre = (32, 30, 28)
    streaks = 150.0 * np.sign(np.sin(np.arange(SHAPE[0]) / 1.5))[:, None, None]
    near = distance(centre) < 12
    image = np.where(near, scan() + streaks, scan())
    assert "streaks beside metal" in warnings(image, distance(centre) < 5)


def test_streaks_within_the_range_of_tissue_are_doubted() -> None:
    centre = (32, 30, 28)
    streaks = 3.0 * (-1.0) ** np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1]))[:, :, None]
    image = np.where(distance(centre) < 8, scan() + streaks, scan())
    assert "times as rough" in warnings(image, distance(centre) < 4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_streaks_in_a_2d_image_are_doubted_along_any_axis(axis: int) -> None:
    i, j = np.indices((120, 110))
    texture = gaussian_filter(np.random.default_rng(0).standard_normal(i.shape), 2.0)
    away = np.hypot(i - 60, j - 55)
    image = np.where(away < 50, 100.0 + 100.0 * texture, 0.0) + np.where(away < 14, 6.0 * (-1.0) ** (i + j), 0.0)
    found = warnings(np.expand_dims(image, axis), np.expand_dims(away < 9, axis))
    assert "times as rough" in found


def test_a_hole_in_bone_is_compared_with_other_bone() -> None:
    noise = 10.0 * np.random.default_rng(1).standard_normal(SHAPE)
    bone = (distance((32, 30, 28)) < 26) & (np.arange(SHAPE[0]) < 24)[:, None, None]
    assert warnings(np.where(bone, scan() + 300.0 + noise, scan()), distance((14, 30, 28)) < 3) == ""


def test_a_mask_deep_inside_a_lesion_is_doubted() -> None:
    centre = (32, 30, 28)
    dark = np.where(np.arange(SHAPE[0])[:, None, None] < 16, 0.4, 1.0)
    image = np.where(distance(centre) < 11, 0.6, dark) * scan()
    assert "differs from that farther out" in warnings(image, distance(centre) < 3.5)


def test_a_mask_that_is_too_small_for_a_lesion_is_doubted() -> None:
    centre, lesion = (32, 30, 28), distance((32, 30, 28)) < 9
    image = np.where(lesion, scan() + 35.0, scan())
    assert "--dilate-mm" in warnings(image, distance(centre) < 6.5)
    assert warnings(image, distance(centre) < 10) == ""


def test_a_hole_at_the_edge_of_an_extracted_brain_is_doubted() -> None:
    assert "touches empty background" in warnings(scan(), distance((56, 30, 28)) < 8)


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, 1e300])
def test_flat_and_extreme_scans_are_not_judged(value: float) -> None:
    image = np.full(SHAPE, value)
    image[:2] = 1e300
    assert unlike(surroundings(Volume.of(image), distance((32, 30, 28)) < 6)) == ()


def test_values_under_the_mask_do_not_matter() -> None:
    mask = distance((32, 30, 28)) < 6
    volumes = [Volume.of(np.where(mask, value, scan())) for value in (0.0, 1e6)]
    assert surroundings(volumes[0], mask) == surroundings(volumes[1], mask)


def test_holes_beyond_the_measured_ones_are_doubted() -> None:
    ball = distance((32, 30, 28)) < 20
    assert beyond_measured({"biharmonic": 1}, ball, (1.0, 1.0, 1.0)) == ()
    (large,) = beyond_measured({"biharmonic": 1}, ball, (2.0, 2.0, 2.0))
    assert "ml is larger than the largest" in large
    (deep,) = beyond_measured({"biharmonic": 1}, ball[:, :, 28:29], (2.0, 2.0, 2.0))
    assert "mm deep" in deep


def test_voxels_beyond_the_measured_ones_are_doubted_for_networks_only() -> None:
    hole = distance((32, 30, 28)) < 3
    (warning,) = beyond_measured({"unet3d": 1}, hole, (3.0, 3.0, 3.0))
    assert "3 x 3 x 3 mm" in warning
    assert beyond_measured({"biharmonic": 1}, hole, (3.0, 3.0, 3.0)) == ()
    assert beyond_measured({"unet2d": 1}, hole, (1.56, 1.56, 5.0)) == ()
