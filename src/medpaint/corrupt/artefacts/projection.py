"""Parallel projections of a slice, and slices from projections: the geometry of a CT, reduced to one plane.

scipy turns the image; the ramp filter is that of Kak and Slaney (1988, chapter 3), in its discrete form, which has
no offset.
"""

from __future__ import annotations

import numpy as np

from medpaint.core.types import Array, FloatArray

__all__ = ["back_projected", "projected"]


def projected(image: FloatArray, angles: FloatArray, first: Array, width: int) -> FloatArray:
    """Return the sums of an image along some of its parallel rays, (A, width), in units of a pixel's edge.

    Args:
        image: square, (N, N); zero outside the inscribed circle, or rays leave the field of view.
        angles: in radians, (A,).
        first: the first ray wanted at each angle, from 0 to N - `width`, (A,).
        width: how many rays are wanted.
    """
    from scipy.ndimage import affine_transform

    middle = (image.shape[0] - 1) / 2.0
    sums = np.empty((angles.size, width))
    for row, (angle, start) in enumerate(zip(angles.tolist(), first.tolist(), strict=True)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = middle + turn @ np.array([-middle, start - middle])
        rays = affine_transform(image, turn, offset=offset, output_shape=(image.shape[0], width), order=1)
        sums[row] = rays.sum(axis=0)
    return sums


def back_projected(sums: FloatArray, angles: FloatArray) -> FloatArray:
    """Return the image whose projections are `sums`, by filtered back-projection, (N, N).

    Args:
        sums: along all rays, (A, N).
        angles: evenly spaced over half a turn, in radians, (A,).
    """
    count = sums.shape[1]
    places = np.arange(count) - (count - 1) / 2.0
    image = np.zeros((count, count))
    for angle, row in zip(angles.tolist(), _filtered(sums), strict=True):
        ray = places[None, :] * np.cos(angle) - places[:, None] * np.sin(angle)
        image += np.interp(ray, places, row, left=0.0, right=0.0)
    return image * np.pi / angles.size


def _filtered(sums: FloatArray) -> FloatArray:
    """Return projections after the ramp filter, (A, N)."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(2 * sums.shape[1], real=True)
    distance = np.minimum(np.arange(size), size - np.arange(size))
    is_odd = distance % 2 == 1
    kernel = np.where(is_odd, -1.0 / (np.pi * np.maximum(distance, 1)) ** 2, 0.0)
    kernel[0] = 0.25
    filtered: FloatArray = irfft(rfft(sums, size, axis=1) * rfft(kernel).real, size, axis=1)[:, : sums.shape[1]]
    return filtered
