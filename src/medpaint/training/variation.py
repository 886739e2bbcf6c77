"""Clean scans varied as another scanner, protocol or body would have varied them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from medpaint.core.geometry import blur_widths
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.training.scans import Whole
from medpaint.training.synthesis import smooth_field

__all__ = ["varied"]

_APPLIED: Final = 0.5
"""Probability of each variation."""

_SCALE: Final = (0.9, 1.1)
"""Range of the factor on the size of the body."""

_CURVE: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Quantiles of the tissue between which contrast is stretched by one factor."""

_CONTRAST: Final = 0.5
"""Standard deviation of that factor's logarithm."""

_INVERTED: Final = 0.2
"""Probability that a changed contrast swaps dark and bright in the tissue, as between T1w and T2w."""

_THICK_MM: Final = (3.0, 6.0)
"""Range of the thickness of slices."""

_FEWEST: Final = 16
"""Smallest number of slices left."""

_BLUR_MM: Final = (0.2, 0.8)
"""Range of the standard deviation of the blur."""

_BIAS: Final = (0.15, 60.0)
"""Standard deviation of the logarithm of the coil's profile, and the distance in mm over which it changes."""

_NOISE: Final = (0.01, 0.08)
"""Range of the standard deviation of the noise, in deviations of the tissue."""


def varied(whole: Whole, *, seed: int) -> Whole:
    """Vary a scan: the size of the body, contrast, blur, coil profile, noise and thickness of the slices.

    Each happens half of the time, and independently. The truth of holes made in the result is the result itself.

    Args:
        whole: the scan.
        seed: determines what happens, and how much.
    """
    rng = np.random.default_rng(seed)
    scaled, coloured, thick, blurred, biased, noisy = rng.random(6) < _APPLIED
    if scaled:
        whole = _scaled(whole, float(rng.uniform(*_SCALE)))
    if not whole.tissue.any():
        return whole
    truth = _coloured(whole.truth, whole.tissue, rng) if coloured else whole.truth
    if blurred:
        truth = gaussian_filter(truth, blur_widths(rng.uniform(*_BLUR_MM), whole.spacing_mm, truth.shape))
    if biased:
        spread, reach_mm = _BIAS
        truth = truth * np.exp(spread * smooth_field(truth.shape, whole.spacing_mm, reach_mm, rng))
    if thick:
        truth, tissue, spacing_mm = _thickened(replace(whole, truth=truth), rng)
        whole = Whole(truth, tissue, spacing_mm)
    if noisy:
        deviation = float(truth[whole.tissue].std()) if whole.tissue.any() else 0.0
        truth = truth + rng.uniform(*_NOISE) * deviation * rng.standard_normal(truth.shape, dtype=np.float32)
    return replace(whole, truth=truth.astype(np.float32))


def _scaled(whole: Whole, factor: float) -> Whole:
    """Return a scan of a body larger by a factor, on voxels of the same size."""
    truth: FloatArray = zoom(whole.truth, factor, order=3, mode="nearest", grid_mode=True)
    low, high = float(whole.truth.min()), float(whole.truth.max())
    tissue: Mask = zoom(whole.tissue.view(np.uint8), factor, order=0, mode="nearest", grid_mode=True) > 0
    return Whole(np.clip(truth, low, high), tissue, whole.spacing_mm)


def _coloured(truth: FloatArray, tissue: Mask, rng: np.random.Generator) -> FloatArray:
    """Return a scan of the same range with its contrast stretched here and compressed there, (I, J, K)."""
    before = np.quantile(truth[tissue], _CURVE)
    before[0], before[-1] = truth.min(), truth.max()
    steps = np.diff(before) * np.exp(_CONTRAST * rng.standard_normal(len(before) - 1))
    if steps.sum() <= 0.0:
        return truth
    after = before[0] + np.concatenate([[0.0], np.cumsum(steps)]) * (before[-1] - before[0]) / steps.sum()
    curved = np.interp(truth, before, after)
    if rng.random() < _INVERTED:
        low, high = np.quantile(curved[tissue], (_CURVE[1], _CURVE[-2]))
        curved[tissue] = np.clip(low + high - curved[tissue], before[0], before[-1])
    coloured: FloatArray = curved.astype(np.float32)
    return coloured


def _thickened(whole: Whole, rng: np.random.Generator) -> tuple[FloatArray, Mask, Spacing]:
    """Return a scan whose slices across a random axis are means of several; unchanged where they are thick."""
    axis, thickness_mm = int(rng.integers(3)), float(rng.uniform(*_THICK_MM))
    many = round(thickness_mm / whole.spacing_mm[axis])
    count = whole.truth.shape[axis] // max(many, 1)
    if many < 2 or count < _FEWEST:
        return whole.truth, whole.tissue, whole.spacing_mm
    i, j, k = (size * many if one == axis else size for one, size in enumerate(whole.spacing_mm))
    return _means(whole.truth, axis, many), _means(whole.tissue, axis, many) > 0.5, (i, j, k)


def _means(values: FloatArray | Mask, axis: int, many: int) -> FloatArray:
    """Return the means of so many slices in a row each; those left over at the end are dropped."""
    slices = np.moveaxis(values, axis, 0)
    count = len(slices) // many
    means = slices[: count * many].reshape(count, many, *slices.shape[1:]).mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(np.moveaxis(means, 0, axis))
