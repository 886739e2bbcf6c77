"""Structural similarity: agreement of local mean, contrast and pattern."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Array, FloatArray, Mask

__all__ = ["PLANES", "RADIUS", "SPACE", "ssim", "ssim3d"]

PLANES: Final = (1, 2)
"""Axes of the planes that the BraTS protocol compares: slices across the first axis."""

SPACE: Final = (0, 1, 2)
"""All three axes."""

RADIUS: Final = 5
"""Reach of a voxel's neighbourhood, in voxels."""

_SIGMA: Final = 1.5
_K1: Final = 0.01
_K2: Final = 0.03


def ssim(truth: Array, image: Array, mask: Mask, *, data_range: float, axes: tuple[int, ...]) -> float:
    """Return the mean structural similarity over the masked voxels; 1 if the images agree.

    Local moments are weighted by a Gaussian of 1.5 voxels, cut off at 5, over `axes`; at the border the image is
    mirrored. Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13 (2004) 600-612.

    Args:
        truth: the true intensities, (I, J, K).
        image: the restored intensities, (I, J, K).
        mask: voxels that count, (I, J, K); not empty.
        data_range: width of the range of intensities, in their units; positive.
        axes: axes that a voxel's neighbourhood extends along.
    """
    box = bounding_box(mask)
    if box is None:
        message = "expected a mask with at least one voxel, got an empty one"
        raise ValueError(message)
    if not data_range > 0.0:
        message = f"expected a positive data_range, got {data_range}"
        raise ValueError(message)
    i, j, k = (RADIUS if axis in axes else 0 for axis in range(3))
    window = grown(box, (i, j, k), mask.shape)
    similarity = _map(truth[window].astype(np.float64), image[window].astype(np.float64), data_range, axes)
    return float(similarity[mask[window]].mean())


def ssim3d(truth: Array, image: Array, mask: Mask, *, data_range: float) -> float:
    """Return the structural similarity over three-dimensional neighbourhoods; see `ssim`."""
    return ssim(truth, image, mask, data_range=data_range, axes=SPACE)


def _map(x: FloatArray, y: FloatArray, data_range: float, axes: tuple[int, ...]) -> FloatArray:
    """Return the similarity at every voxel."""

    def local_mean(values: FloatArray) -> FloatArray:
        mean: FloatArray = gaussian_filter(values, _SIGMA, axes=axes, radius=RADIUS, mode="mirror")
        return mean

    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    mean_x, mean_y = local_mean(x), local_mean(y)
    variance_x = np.maximum(local_mean(x * x) - mean_x**2, 0.0)
    variance_y = np.maximum(local_mean(y * y) - mean_y**2, 0.0)
    covariance = local_mean(x * y) - mean_x * mean_y
    similarity: FloatArray = ((2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return similarity
