"""The scores of the BraTS challenge on local synthesis of healthy tissue by inpainting.

Kofler et al. (2023), The Brain Tumor Segmentation (BraTS) Challenge: Local Synthesis of Healthy Brain Tissue via
Inpainting, arXiv:2305.08992. An independent implementation of what the organisers' package computes, in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Array, FloatArray, Mask, Window
from medpaint.metrics.errors import mae, rmse
from medpaint.metrics.ssim import PLANES, RADIUS, ssim

__all__ = ["BratsScores", "brats_limits", "brats_scores"]

PERCENTILES: Final = (0.5, 99.5)

EPSILON: Final = float(np.finfo(np.float64).eps)
"""Added to the mean square error, so that a perfect fill has a finite PSNR: 156.5 dB."""


@dataclass(frozen=True)
class BratsScores:
    """How close a fill is to the truth, on intensities scaled to [0, 1].

    Attributes:
        ssim: structural similarity over planes of the second and third axis, mean over the mask.
        mse: mean square error over the mask.
        mae: mean absolute error over the mask.
        psnr: peak signal-to-noise ratio in decibels for a peak of 1.
        psnr_of_truth: the same for the range of the truth in the mask, to which the fill is clipped first;
            infinite if they agree, NaN if the truth is constant.
    """

    ssim: float
    mse: float
    mae: float
    psnr: float
    psnr_of_truth: float


def brats_limits(voided: Array) -> tuple[float, float]:
    """Return the intensities that are scaled to 0 and 1.

    Args:
        voided: the scan with zeros in the holes, (I, J, K); all its voxels count, including zeros.
    """
    low, high = np.percentile(voided, PERCENTILES)
    return max(float(low), 0.0), float(high)


def brats_scores(truth: Array, image: Array, mask: Mask, limits: tuple[float, float]) -> BratsScores:
    """Score a fill by the protocol of the challenge.

    Both volumes are set to 0 outside the mask, clipped to `limits` and scaled to [0, 1].

    Args:
        truth: the true intensities, (I, J, K).
        image: the restored intensities, (I, J, K).
        mask: healthy tissue that was filled, (I, J, K); not empty.
        limits: the answer of `brats_limits` to the voided scan.
    """
    if not limits[1] > limits[0]:
        message = f"expected two limits in ascending order, got {limits}"
        raise ValueError(message)
    window, everywhere = _surroundings(mask), bool(mask.all())
    inside = mask[window]
    real, filled = (_scaled(volume[window], inside, limits) for volume in (truth, image))
    squared = rmse(real, filled, inside) ** 2
    extent = max(float(scaled.max() - (scaled.min() if everywhere else 0.0)) for scaled in (real, filled))
    return BratsScores(
        ssim=ssim(real, filled, inside, data_range=extent, axes=PLANES) if extent > 0.0 else 1.0,
        mse=squared,
        mae=mae(real, filled, inside),
        psnr=10.0 * math.log10(1.0 / (squared + EPSILON)),
        psnr_of_truth=_psnr_of_truth(real[inside], filled[inside]),
    )


def _scaled(volume: Array, mask: Mask, limits: tuple[float, float]) -> FloatArray:
    """Return the masked part of a volume in [0, 1], 0 elsewhere."""
    low, high = limits
    scaled = np.zeros(volume.shape)
    scaled[mask] = (np.clip(volume[mask].astype(np.float64), low, high) - low) / (high - low)
    return scaled


def _surroundings(mask: Mask) -> Window:
    """Return the window that the scores depend on; outside it both volumes are 0."""
    box = bounding_box(mask)
    if box is None:
        message = "expected a mask with at least one voxel, got an empty one"
        raise ValueError(message)
    return grown(box, (RADIUS, RADIUS, RADIUS), mask.shape)


def _psnr_of_truth(truth: FloatArray, image: FloatArray) -> float:
    """Return the peak signal-to-noise ratio for the range of the truth, (N,)."""
    low, high = float(truth.min()), float(truth.max())
    if high == low:
        return math.nan
    squared = float(np.square(np.clip(image, low, high) - truth).mean())
    return math.inf if squared == 0.0 else 10.0 * math.log10((high - low) ** 2 / squared)
