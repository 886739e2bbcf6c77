"""Errors of restored intensities, voxel by voxel."""

from __future__ import annotations

import math

import numpy as np

from medpaint.core.types import Array, Mask

__all__ = ["mae", "psnr", "rmse"]


def mae(truth: Array, image: Array, mask: Mask) -> float:
    """Return the mean absolute error over the masked voxels, in the units of the images.

    Args:
        truth: the true intensities, (I, J, K).
        image: the restored intensities, (I, J, K).
        mask: voxels that count, (I, J, K); not empty.
    """
    return float(np.abs(_errors(truth, image, mask)).mean())


def rmse(truth: Array, image: Array, mask: Mask) -> float:
    """Return the root mean square error over the masked voxels, in the units of the images; see `mae`."""
    return math.sqrt(float(np.square(_errors(truth, image, mask)).mean()))


def psnr(truth: Array, image: Array, mask: Mask, data_range: float) -> float:
    """Return the peak signal-to-noise ratio over the masked voxels in decibels; infinite if they agree.

    Args:
        truth: the true intensities, (I, J, K).
        image: the restored intensities, (I, J, K).
        mask: voxels that count, (I, J, K); not empty.
        data_range: width of the range of intensities, in their units.
    """
    if not data_range > 0.0:
        message = f"expected a positive data_range, got {data_range}"
        raise ValueError(message)
    error = rmse(truth, image, mask)
    return math.inf if error == 0.0 else 20.0 * math.log10(data_range / error)


def _errors(truth: Array, image: Array, mask: Mask) -> Array:
    """Return the errors at the masked voxels as float64, (N,)."""
    if not truth.shape == image.shape == mask.shape:
        message = f"expected arrays of one shape, got {truth.shape}, {image.shape} and {mask.shape}"
        raise ValueError(message)
    if not mask.any():
        message = "expected a mask with at least one voxel, got an empty one"
        raise ValueError(message)
    difference: Array = image[mask].astype(np.float64) - truth[mask].astype(np.float64)
    return difference
