"""The scale of the body in a scan."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from medpaint.core.scale import at_human_scale
from medpaint.core.volume import Volume

SHAPE = (60, 70, 50)


def ball(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.float32]:
    """Return a textured ellipsoid that nearly fills the volume."""
    axes = np.meshgrid(*(np.linspace(-1.05, 1.05, size) if size > 1 else [0.0] for size in shape), indexing="ij")
    inside = sum(axis**2 for axis in axes) <= 1.0
    texture = np.random.default_rng(0).uniform(0.5, 1.0, shape)
    return np.where(inside, texture, 0.0).astype(np.float32)


def scan(spacing_mm: tuple[float, float, float], shape: tuple[int, int, int] = SHAPE) -> Volume:
    return Volume.of(ball(shape), np.diag([*spacing_mm, 1.0]))


def nothing(volume: Volume) -> NDArray[np.bool_]:
    return np.zeros(volume.shape, dtype=bool)


@pytest.mark.parametrize(
    ("spacing_mm", "shape"),
    [
        ((3.0, 3.0, 3.0), SHAPE),  # head
        ((0.5, 0.5, 3.0), SHAPE),  # crop of a person, newborn
        ((0.35, 0.35, 0.5), (30, 30, 10)),  # small crop of a person
        ((0.3, 0.3, 1.0), (240, 260, 4)),  # hand
        ((0.1, 0.1, 1.0), (700, 800, 1)),  # one fine slice of a limb
        ((1.0, 1.0, 1.0), (12, 12, 12)),  # no spacing was given
    ],
)
def test_people_keep_their_scale(spacing_mm: tuple[float, float, float], shape: tuple[int, int, int]) -> None:
    volume = scan(spacing_mm, shape)
    scaled = at_human_scale(volume, nothing(volume))
    assert scaled.factor == 1.0
    assert scaled.volume is volume


@pytest.mark.parametrize("divisor", [6.0, 12.0])
@pytest.mark.parametrize("shape", [SHAPE, (60, 70, 3), (60, 70, 1)])
def test_small_bodies_are_enlarged_to_voxels_of_a_millimetre(divisor: float, shape: tuple[int, int, int]) -> None:
    volume = scan((1.0 / divisor, 1.2 / divisor, 3.0 / divisor), shape)
    scaled = at_human_scale(volume, nothing(volume))
    assert scaled.factor == pytest.approx(divisor, rel=1e-3)
    assert scaled.volume.spacing_mm == pytest.approx((1.0, 1.2, 3.0), rel=1e-3)
    assert np.shares_memory(scaled.volume.data, volume.data)


def test_no_body_is_enlarged_beyond_a_human_head() -> None:
    volume = scan((0.02, 0.02, 0.02), (500, 500, 3))
    scaled = at_human_scale(volume, nothing(volume))
    assert scaled.extent_mm is not None
    assert scaled.factor * scaled.extent_mm == pytest.approx(240.0, rel=0.01)


def test_scale_changes_gradually_between_animals_and_people() -> None:
    sizes = np.geomspace(0.2, 0.4, 24)
    by_voxel = [at_human_scale(scan((size, size, size)), nothing(scan((1, 1, 1)))).factor for size in sizes]
    steps = np.abs(np.diff(np.log(by_voxel)))
    assert by_voxel[0] > 4.0
    assert by_voxel[-1] == 1.0
    assert steps.max() < 0.4


def test_values_under_the_mask_do_not_matter() -> None:
    volume, mask = scan((0.2, 0.2, 0.2)), np.zeros(SHAPE, dtype=bool)
    mask[20:30, 20:30, 20:30] = True
    emptied = Volume.of(np.where(mask, np.float32(1e6), volume.data), volume.affine)
    assert at_human_scale(volume, mask).extent_mm == at_human_scale(emptied, mask).extent_mm


def test_specks_of_noise_do_not_enlarge_a_body() -> None:
    small = np.zeros((100, 100, 100), dtype=np.float32)
    small[20:80, 20:80, 20:80] = 1.0
    noisy = small.copy()
    noisy[1, 1, ::10] = noisy[98, ::10, 98] = 1.0
    grid = np.diag([0.1, 0.1, 0.1, 1.0])
    mask = np.zeros(small.shape, dtype=bool)
    extents = [at_human_scale(Volume.of(data, grid), mask).extent_mm for data in (small, noisy)]
    assert extents[0] == pytest.approx(extents[1], rel=0.02)


def test_constant_and_empty_scans_have_a_scale() -> None:
    for value in (0.0, 7.0, np.nan):
        volume = Volume.of(np.full((8, 8, 8), value, dtype=np.float32), np.diag([0.1, 0.1, 0.1, 1.0]))
        assert at_human_scale(volume, nothing(volume)).factor > 1.0
