"""SSIM and the BraTS scores against their formulas; agreement with the official package is tested elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medpaint.core.types import Mask
from medpaint.metrics import brats_limits, brats_scores, ssim3d
from medpaint.metrics.ssim import PLANES, SPACE, ssim

SHAPE = (9, 16, 17)
TAPS = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
TAPS /= TAPS.sum()


@pytest.fixture
def pair() -> tuple[NDArray[Any], NDArray[Any], Mask]:
    rng = np.random.default_rng(0)
    truth = rng.random(SHAPE)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:6, 5:12, 6:11] = True
    return truth, truth + 0.2 * rng.standard_normal(SHAPE), mask


def similarity_at(x: NDArray[Any], y: NDArray[Any], where: tuple[int, ...], axes: tuple[int, ...]) -> float:
    """Return the similarity at one voxel by sums over its neighbourhood, for a range of 1."""
    padded = [np.pad(a, [(5, 5) if axis in axes else (0, 0) for axis in range(3)], mode="reflect") for a in (x, y)]
    part = tuple(slice(n, n + 11) if axis in axes else slice(n, n + 1) for axis, n in enumerate(where))
    weights = np.ones((1, 1, 1))
    for axis in axes:
        weights = weights * TAPS.reshape([-1 if other == axis else 1 for other in range(3)])
    a, b = (volume[part] for volume in padded)
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    return float(
        (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    )


@pytest.mark.parametrize("axes", [SPACE, PLANES])
@pytest.mark.parametrize("where", [(4, 8, 8), (0, 0, 16), (8, 15, 3)])
def test_similarity_follows_its_formula(
    pair: tuple[NDArray[Any], NDArray[Any], Mask], axes: tuple[int, ...], where: tuple[int, ...]
) -> None:
    truth, image, _ = pair
    mask = np.zeros(SHAPE, dtype=bool)
    mask[where] = True
    expected = similarity_at(truth, image, where, axes)
    assert ssim(truth, image, mask, data_range=1.0, axes=axes) == pytest.approx(expected, abs=1e-12)


def test_equal_images_have_similarity_1(pair: tuple[NDArray[Any], NDArray[Any], Mask]) -> None:
    truth, _, mask = pair
    assert ssim3d(truth, truth, mask, data_range=1.0) == pytest.approx(1.0)


def test_similarity_falls_as_noise_rises(pair: tuple[NDArray[Any], NDArray[Any], Mask]) -> None:
    truth, image, mask = pair
    values = [ssim3d(truth, truth + f * (image - truth), mask, data_range=1.0) for f in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("data_range", [0.0, math.nan])
def test_similarity_needs_a_positive_range(
    pair: tuple[NDArray[Any], NDArray[Any], Mask], data_range: float
) -> None:
    truth, image, mask = pair
    with pytest.raises(ValueError, match="data_range"):
        ssim3d(truth, image, mask, data_range=data_range)


def test_empty_masks_are_refused(pair: tuple[NDArray[Any], NDArray[Any], Mask]) -> None:
    truth, image, _ = pair
    empty = np.zeros(SHAPE, dtype=bool)
    with pytest.raises(ValueError, match="at least one voxel"):
        ssim3d(truth, image, empty, data_range=1.0)
    with pytest.raises(ValueError, match="at least one voxel"):
        brats_scores(truth, image, empty, (0.0, 1.0))


def test_brats_errors_use_clipped_and_scaled_intensities() -> None:
    truth = np.full((4, 8, 8), 50.0)
    image = np.full((4, 8, 8), 500.0)
    mask = np.zeros((4, 8, 8), dtype=bool)
    mask[1:3, 2:5, 2:5] = True
    scores = brats_scores(truth, image, mask, (0.0, 100.0))
    assert scores.mse == pytest.approx(0.25)
    assert scores.mae == pytest.approx(0.5)
    assert scores.psnr == pytest.approx(10.0 * math.log10(4.0))
    assert math.isnan(scores.psnr_of_truth)


def test_perfect_fill_has_finite_psnr_and_similarity_1(
    pair: tuple[NDArray[Any], NDArray[Any], Mask],
) -> None:
    truth, _, mask = pair
    scores = brats_scores(truth, truth, mask, (0.0, 1.0))
    assert scores.psnr == pytest.approx(156.5, abs=0.1)
    assert scores.ssim == pytest.approx(1.0)
    assert scores.psnr_of_truth == math.inf


def test_brats_scores_do_not_depend_on_voxels_outside_the_mask(
    pair: tuple[NDArray[Any], NDArray[Any], Mask],
) -> None:
    truth, image, mask = pair
    elsewhere = np.where(mask, image, 7.0)
    assert brats_scores(truth, image, mask, (0.0, 1.0)) == brats_scores(truth, elsewhere, mask, (0.0, 1.0))


def test_mask_of_everything_is_scored(pair: tuple[NDArray[Any], NDArray[Any], Mask]) -> None:
    truth, image, _ = pair
    assert 0.0 < brats_scores(truth, image, np.ones(SHAPE, dtype=bool), (0.0, 1.0)).ssim < 1.0


def test_limits_count_zeros_and_stay_positive() -> None:
    voided = np.concatenate([np.full(500, -10.0), np.linspace(0.0, 100.0, 501)]).reshape(7, 11, 13)
    low, high = brats_limits(voided)
    assert low == 0.0
    assert high == pytest.approx(np.percentile(voided, 99.5))


def test_equal_limits_are_refused(pair: tuple[NDArray[Any], NDArray[Any], Mask]) -> None:
    truth, image, mask = pair
    with pytest.raises(ValueError, match="expected two limits in ascending order"):
        brats_scores(truth, image, mask, (1.0, 1.0))
