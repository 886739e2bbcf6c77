"""The exemplar engine: what it learns, and what it leaves to the biharmonic fill."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from threadpoolctl import threadpool_limits

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Engine, Hole
from medpaint.engines.classical.biharmonic import Biharmonic
from medpaint.engines.exemplar.detail import LADDERS
from medpaint.engines.exemplar.engine import Exemplar, expected_seconds
from medpaint.engines.exemplar.regression import predicted
from medpaint.engines.exemplar.scene import Scene, View, surroundings
from medpaint.metrics import rmse

ISOTROPIC: Spacing = (1.0, 1.0, 1.0)


def stripes(shape: tuple[int, int, int], period: float) -> FloatArray:
    """Return waves that are the same along the last axis."""
    i, j, _ = np.indices(shape)
    waves: FloatArray = (np.sin(2 * np.pi * (i + 0.5 * j) / period)).astype(np.float32)
    return waves


def cube(shape: tuple[int, int, int], edge: int) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice((n - edge) // 2, (n - edge) // 2 + edge) for n in shape)] = True
    return mask


def filled(engine: Engine, image: FloatArray, mask: Mask, spacing_mm: Spacing = ISOTROPIC) -> FloatArray:
    """Return the image with the mask filled, whatever was in it."""
    result = image.copy()
    fill = engine.fill(Hole(np.where(mask, np.float32(np.nan), image), mask, spacing_mm), seed=0)
    result[mask] = fill.values[0]
    return result


def fillers(image: FloatArray, mask: Mask, spacing_mm: Spacing = ISOTROPIC) -> NDArray[np.str_]:
    """Return what filled each voxel, empty outside the mask, (I, J, K)."""
    fill = Exemplar("quick").fill(Hole(image, mask, spacing_mm), seed=0)
    names = np.full(mask.shape, "", dtype="<U10")
    names[mask] = np.array(fill.fillers)[fill.filled_by]
    return names


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 4.0)])
def test_a_texture_that_a_smooth_fill_loses_is_continued(spacing: Spacing) -> None:
    truth = stripes((36, 36, 24), 7.0)
    mask = cube(truth.shape, 6)
    learned = filled(Exemplar(), truth, mask, spacing)
    smooth = filled(Biharmonic(), truth, mask, spacing)
    assert rmse(truth, learned, mask) < 0.4 * rmse(truth, smooth, mask)


def test_a_texture_in_a_2d_image_is_continued() -> None:
    truth = stripes((48, 48, 1), 7.0)
    mask = np.zeros(truth.shape, dtype=bool)
    mask[20:27, 21:28] = True
    learned = filled(Exemplar(), truth, mask)
    smooth = filled(Biharmonic(), truth, mask)
    assert rmse(truth, learned, mask) < 0.4 * rmse(truth, smooth, mask)


@pytest.mark.parametrize("known", [np.s_[:, :, 5:6], np.s_[:6, :6, :6], np.s_[3:5, 2, 2]])
def test_a_hole_without_exemplars_gets_the_smooth_fill(known: tuple[slice, slice, slice]) -> None:
    truth = stripes((14, 14, 12), 7.0)
    mask = np.ones(truth.shape, dtype=bool)
    mask[known] = False
    learned = filled(Exemplar(), truth, mask)
    smooth = filled(Biharmonic(), truth, mask)
    np.testing.assert_array_equal(learned[mask], smooth[mask])


def test_a_very_coarse_grid_gets_the_smooth_fill() -> None:
    truth = stripes((14, 14, 12), 7.0)
    mask = cube(truth.shape, 2)
    learned = filled(Exemplar(), truth, mask, (40.0, 40.0, 40.0))
    smooth = filled(Biharmonic(), truth, mask, (40.0, 40.0, 40.0))
    np.testing.assert_array_equal(learned[mask], smooth[mask])


def test_learned_voxels_are_reported_as_exemplar() -> None:
    mask = cube((36, 36, 24), 6)
    assert set(fillers(stripes(mask.shape, 7.0), mask)[mask]) == {"exemplar"}


@pytest.mark.parametrize("known", [np.s_[:, :, 5:6], np.s_[:6, :6, :6], np.s_[3:5, 2, 2]])
def test_a_hole_with_too_few_exemplars_is_reported_as_biharmonic(known: tuple[slice, slice, slice]) -> None:
    mask = np.ones((14, 14, 12), dtype=bool)
    mask[known] = False
    assert set(fillers(stripes((14, 14, 12), 7.0), mask)[mask]) == {"biharmonic"}


def test_a_flat_scan_is_reported_as_biharmonic() -> None:
    mask = cube((24, 24, 24), 6)
    assert set(fillers(np.full(mask.shape, 3.0, dtype=np.float32), mask)[mask]) == {"biharmonic"}


def test_voxels_too_deep_in_a_hole_are_reported_as_biharmonic() -> None:
    mask = cube((27, 27, 27), 13)
    names = fillers(stripes((27, 27, 27), 7.0), mask, (6.0, 6.0, 6.0))
    depth_mm = distance_transform_edt(mask, sampling=6.0)
    assert set(names[depth_mm >= 30.0]) == {"biharmonic"}
    assert "exemplar" in names[mask & (depth_mm < 10.0)]


def test_a_hole_too_large_to_divide_is_reported_as_biharmonic() -> None:
    mask = cube((30, 30, 30), 26)
    assert set(fillers(stripes((30, 30, 30), 7.0), mask, (6.5, 6.5, 6.5))[mask]) == {"biharmonic"}


def test_surroundings_are_the_nearest_known_voxels_in_millimetres() -> None:
    mask = cube((15, 15, 15), 3)
    known = ~mask[np.newaxis]
    scene = Scene.of(np.zeros(known.shape, np.float32), known, (View(25.0),), (1.0, 1.0, 5.0))
    places, distance = surroundings(scene, LADDERS["thorough"][0], np.argwhere(mask))
    assert not mask[tuple(places.T)].any()
    assert (np.diff(distance) >= 0.0).all()
    assert set(places[distance < 5.0, 2]) == {6, 7, 8}


def test_regression_finds_a_linear_law() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2000, 6)).astype(np.float32)
    law = rng.standard_normal((6, 3)).astype(np.float32)
    query = inputs[0] * np.float32(0.9)
    guess = predicted(np.concatenate([inputs, inputs @ law], axis=1).T.copy(), query, np.ones(6, np.float32))
    np.testing.assert_allclose(guess, query @ law, atol=0.02)


@pytest.mark.parametrize(("engine", "edge"), [(Exemplar("quick"), 8), (Biharmonic(), 24)])
def test_the_number_of_threads_does_not_change_the_fill(engine: Engine, edge: int) -> None:
    truth = stripes((36, 36, 32), 7.0)
    mask = cube(truth.shape, edge)
    with threadpool_limits(1):
        alone = filled(engine, truth, mask)
    with threadpool_limits(2):
        together = filled(engine, truth, mask)
    np.testing.assert_array_equal(alone[mask], together[mask])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tissue_found_only_on_the_other_side_is_learned_from_there(axis: int) -> None:
    rng = np.random.default_rng(4)
    half = gaussian_filter(rng.standard_normal((44, 30, 30)), 2.0).astype(np.float32)
    truth = np.moveaxis(np.concatenate([half, half[::-1]]), 0, axis).copy()
    mask = np.zeros((88, 30, 30), dtype=bool)
    mask[16:24, 11:19, 11:19] = True
    mask = np.moveaxis(mask, 0, axis).copy()
    learned = filled(Exemplar("quick"), truth, mask)
    smooth = filled(Biharmonic(), truth, mask)
    assert rmse(truth, learned, mask) < 0.5 * rmse(truth, smooth, mask)


def test_the_expected_time_grows_with_the_hole() -> None:
    small, large = np.zeros((60, 60, 60), dtype=bool), np.zeros((100, 100, 20), dtype=bool)
    small[30:34, 30:34, 30:34] = True
    large[:, :, 3:17] = True
    assert 0.01 <= (expected_seconds(small, ISOTROPIC) or 0.0) <= 0.2
    assert (expected_seconds(small, ISOTROPIC, "brisk") or 0.0) <= (expected_seconds(small, ISOTROPIC) or 0.0)
    assert expected_seconds(np.zeros_like(small), ISOTROPIC) == 0.0
    assert expected_seconds(large, (3.0, 3.0, 3.0)) is None


def test_the_nearest_surroundings_come_from_all_sides() -> None:
    mask = np.zeros((40, 40, 21), dtype=bool)
    mask[:, :, 10] = True
    known = ~mask[np.newaxis]
    scene = Scene.of(np.zeros(known.shape, np.float32), known, (View(25.0),), ISOTROPIC)
    block = np.argwhere(mask[14:20, 14:20])
    block += [14, 14, 0]
    places, _ = surroundings(scene, LADDERS["brisk"][-1], block)
    off_centre = places[:24] - block.mean(axis=0)
    assert np.abs(off_centre.mean(axis=0)).max() < 0.5
    assert (off_centre.std(axis=0)[:2] > 1.4).all()
