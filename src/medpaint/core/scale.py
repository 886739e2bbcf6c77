"""How many times larger a person is than the body in a scan: engines measure lengths at human scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box
from medpaint.core.foreground import stride_of, threshold_of
from medpaint.core.types import Array, Mask, Spacing, Window
from medpaint.core.volume import Volume

__all__ = ["Scaled", "at_human_scale"]

_SMALL_MM: Final = (40.0, 60.0)
"""A body up to the first size is an animal's, or a small sample; from the second on it is a person's."""

_FINE_MM: Final = (0.26, 0.35)
"""Voxels up to the first size are those of scanners for small animals; from the second on they are ordinary."""

_LARGEST_MM: Final = 240.0
"""No body is enlarged beyond this size, which is that of a person's head."""

_TAIL: Final = 1.0
"""Per cent of the tissue at either end of an axis that does not count, such as specks of noise."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """A scan at human scale.

    Attributes:
        volume: the scan with its grid enlarged by `factor`; the scan itself where that is 1. Voxels are shared.
        factor: what lengths are multiplied by; exactly 1 for people.
        extent_mm: true size of the body, its second largest extent along the axes; None where it was not measured,
            because voxels that are not fine rule out a small body.
    """

    volume: Volume
    factor: float
    extent_mm: float | None


def at_human_scale(volume: Volume, mask: Mask) -> Scaled:
    """Return a scan with its grid enlarged to human scale if the body in it is small.

    Engines look for anatomy at lengths that were set on people. A small animal has the same anatomy at a fraction
    of these lengths, in voxels as much smaller. A scan counts as that of a small body if the body is
    small and the voxels are fine, so that a crop of a person's scan keeps its scale. The factor then makes the
    finest voxel 1 mm, but no body larger than a person's head. Between the two limits of a size the factor passes
    smoothly to 1.

    The size is taken from the known voxels only, on a coarser grid.

    Args:
        volume: the scan.
        mask: True = fill, (I, J, K).
    """
    finest = _finest(volume)
    fineness = _membership(finest, _FINE_MM)
    if fineness == 0.0:
        return Scaled(volume, 1.0, None)
    extent = _extent_mm(volume, mask)
    smallness = _membership(extent, _SMALL_MM)
    full = max(1.0, min(1.0 / finest, _LARGEST_MM / extent))
    factor = round(full ** (fineness * smallness), 3)
    if factor == 1.0:
        return Scaled(volume, 1.0, extent)
    enlarged = volume.affine.copy()
    enlarged[:3] *= factor
    return Scaled(replace(volume, affine=enlarged), factor, extent)


def _finest(volume: Volume) -> float:
    """Return the smallest voxel size in millimetres, without axes of a single voxel, whose size says little."""
    sizes = [size for size, count in zip(volume.spacing_mm, volume.shape, strict=True) if count > 1]
    return min(sizes, default=1.0)


def _membership(size: float, limits: tuple[float, float]) -> float:
    """Return 1 up to the first of two limits, 0 from the second on, and a logarithmic ramp between them."""
    low, high = limits
    if size <= low:
        return 1.0
    return 0.0 if size >= high else log(high / size) / log(high / low)


def _extent_mm(volume: Volume, mask: Mask) -> float:
    """Return the second largest extent of the tissue along the axes, in millimetres, with the holes in it."""
    i, j, k = stride_of(volume.shape)
    coarsely: Window = np.s_[::i, ::j, ::k]
    values: Array = volume.data[coarsely].astype(np.float64)
    padding = volume.encoding.at(coarsely, volume.shape).is_padding(values)
    known = np.isfinite(values) & ~padding & ~mask[coarsely]
    tissue = known & (values > threshold_of(values[known]))
    box = bounding_box(tissue)
    if box is not None:
        tissue[box] |= mask[coarsely][box]
    steps = tuple(size * step for size, step in zip(volume.spacing_mm, (i, j, k), strict=True))
    return sorted(_extents(tissue, (steps[0], steps[1], steps[2])))[1]


def _extents(tissue: Mask, step_mm: Spacing) -> list[float]:
    """Return the extent of tissue along each axis without its tails; that of the grid where there is no tissue."""
    if not tissue.any():
        return [count * step for count, step in zip(tissue.shape, step_mm, strict=True)]
    extents = []
    for axis, step in enumerate(step_mm):
        others = tuple(other for other in range(3) if other != axis)
        share = np.cumsum(np.count_nonzero(tissue, axis=others)) / np.count_nonzero(tissue)
        first, last = np.searchsorted(share, [_TAIL / 100.0, 1.0 - _TAIL / 100.0])
        extents.append(float(last - first + 1) * step)
    return extents
