"""Resample crops to the voxel size that a network was trained at, and its output back."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import zoom

from medpaint.core.types import FloatArray, Spacing

__all__ = ["WORKING_MM", "resampled", "working_shape", "working_size"]

WORKING_MM: Final = 1.0
"""Voxel size that networks see."""

_UNCHANGED: Final = (0.75, 1.5)
"""Voxel sizes close enough to the wanted one to be left unchanged, from and to, in multiples of it."""

_MOST_ZOOM: Final = 16.0
"""Largest number of voxels that a network sees in place of one of the scan's along an axis."""


def working_size(size_mm: float, wanted_mm: float = WORKING_MM) -> float:
    """Return the voxel size, mm, at which a network for `wanted_mm` sees voxels that measure `size_mm`."""
    low, high = _UNCHANGED
    return size_mm if low <= size_mm / wanted_mm <= high else wanted_mm


def working_shape(
    shape: tuple[int, ...], spacing_mm: Spacing, *, wanted_mm: float | None = WORKING_MM, kept: int | None = None
) -> tuple[int, ...]:
    """Return the shape of a crop, (I, J, K), as a network sees it.

    Args:
        shape: of the crop.
        spacing_mm: voxel size along I, J, K.
        wanted_mm: voxel size that the network is for; None: any, so nothing is resampled.
        kept: axis that is not resampled, because a slice-wise network does not convolve along it. An axis of
            length 1 is not resampled either.
    """
    if wanted_mm is None:
        return shape
    sizes = []
    for axis, (count, size_mm) in enumerate(zip(shape, spacing_mm, strict=True)):
        unchanged = axis == kept or count == 1
        factor = min(size_mm / working_size(size_mm, wanted_mm), _MOST_ZOOM)
        sizes.append(count if unchanged else max(2, round(count * factor)))
    return tuple(sizes)


def resampled(channels: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return channels, (C, I, J, K), on a grid of `shape` over the same field of view, by linear interpolation."""
    if channels.shape[1:] == shape:
        return channels
    factors = [new / old for new, old in zip(shape, channels.shape[1:], strict=True)]
    on_grid: FloatArray = np.stack(
        [zoom(channel, factors, order=1, mode="nearest", grid_mode=True) for channel in channels]
    )
    return on_grid
