"""The shapes that holes are made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing
from medpaint.corrupt import border_blob, lesion_blob, missing_slices
from medpaint.phantoms import head

SHAPE = (40, 44, 36)


@pytest.fixture
def foreground() -> Mask:
    mask: Mask = head(SHAPE) > 0
    return mask


@pytest.mark.parametrize("volume_ml", [0.02, 0.5, 4.0, 12.0])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.5, 1.0, 3.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_blob_is_connected_and_has_the_requested_volume(
    foreground: Mask, volume_ml: float, spacing_mm: Spacing, seed: int
) -> None:
    blob = lesion_blob(foreground, spacing_mm, volume_ml=volume_ml, seed=seed)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    assert abs(blob.sum() * voxel_ml - volume_ml) <= 0.51 * voxel_ml
    assert label(blob)[1] == 1
    assert not (blob & ~foreground).any()


def test_blob_is_irregular(foreground: Mask) -> None:
    blob = lesion_blob(foreground, (1.0, 1.0, 1.0), volume_ml=4.0, seed=0, centre=(20, 22, 18))
    grid = np.indices(SHAPE) - np.array([20, 22, 18])[:, None, None, None]
    ball = (grid**2).sum(axis=0) <= (4000.0 * 3.0 / (4.0 * np.pi)) ** (2.0 / 3.0)
    overlap = 2.0 * (blob & ball).sum() / (blob.sum() + ball.sum())
    assert 0.5 < overlap < 0.95


def test_seed_decides_the_blob(foreground: Mask) -> None:
    one, two, three = (lesion_blob(foreground, (1.0, 1.0, 1.0), volume_ml=2.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_blob_contains_its_centre(foreground: Mask) -> None:
    assert lesion_blob(foreground, (1.0, 1.0, 1.0), volume_ml=1.0, seed=3, centre=(12, 20, 17))[12, 20, 17]


def test_blob_larger_than_the_foreground_is_refused(foreground: Mask) -> None:
    with pytest.raises(InputError, match="expected 500 ml of connected foreground"):
        lesion_blob(foreground, (1.0, 1.0, 1.0), volume_ml=500.0, seed=0)


def test_blob_without_foreground_is_refused() -> None:
    with pytest.raises(InputError, match="at least one voxel"):
        lesion_blob(np.zeros(SHAPE, dtype=bool), (1.0, 1.0, 1.0), volume_ml=1.0, seed=0)


def test_blob_without_volume_is_refused(foreground: Mask) -> None:
    with pytest.raises(ValueError, match="volume_ml"):
        lesion_blob(foreground, (1.0, 1.0, 1.0), volume_ml=0.0, seed=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_missing_slices_are_whole_and_consecutive(axis: int) -> None:
    mask = missing_slices(SHAPE, axis=axis, count=3, first=5)
    np.testing.assert_array_equal(np.flatnonzero(np.moveaxis(mask, axis, 0).all(axis=(1, 2))), [5, 6, 7])
    assert mask.sum() == 3 * np.prod(SHAPE) / SHAPE[axis]


@pytest.mark.parametrize("count", [1, 3, 11])
def test_seed_decides_the_gap(count: int) -> None:
    masks = [missing_slices((2, 2, 12), axis=2, count=count, seed=seed) for seed in range(20)]
    assert all(mask.sum() == 4 * count for mask in masks)
    np.testing.assert_array_equal(masks[4], missing_slices((2, 2, 12), axis=2, count=count, seed=4))


@pytest.mark.parametrize(("count", "first"), [(0, None), (12, None), (3, 10), (3, -1)])
def test_gap_that_does_not_fit_is_refused(count: int, first: int | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        missing_slices((2, 2, 12), axis=2, count=count, first=first)


@pytest.mark.parametrize("volume_ml", [0.5, 4.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_border_blob_crosses_the_surface(foreground: Mask, volume_ml: float, seed: int) -> None:
    blob = border_blob(foreground, (1.0, 1.0, 1.0), volume_ml=volume_ml, seed=seed)
    assert blob.sum() == round(1000 * volume_ml)
    assert label(blob)[1] == 1
    assert 0.3 <= foreground[blob].mean() <= 0.9


def test_border_blob_without_a_surface_is_refused() -> None:
    with pytest.raises(InputError, match="across the surface of the tissue, found no place"):
        border_blob(np.ones(SHAPE, bool), (1.0, 1.0, 1.0), volume_ml=2.0, seed=0)
