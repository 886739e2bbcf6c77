"""How visible the mask's border is in a restored image."""

from __future__ import annotations

import math

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import FloatArray, Mask, Spacing

__all__ = ["REACH", "seam_score"]

REACH = 2
"""Voxels outside the mask that the score depends on."""

_LARGE = 1e30
"""Magnitude from which sums of differences might leave the range of their type."""


def seam_score(image: FloatArray, mask: Mask, spacing_mm: Spacing) -> float:
    """Return the step across the mask's border as a multiple of the steps in the tissue next to it.

    Along every axis, wherever a repaired voxel is followed by two voxels outside the mask, the step from the
    repaired one to the first is compared with the step from the first to the second, both per millimetre. The
    score is the ratio of their means: 1 if the border looks like the tissue around it, more if it shows as an
    edge, less if the repair is smoother than the tissue.

    Args:
        image: restored intensities, (I, J, K). Voxels that are not finite do not count.
        mask: True = repaired, (I, J, K).
        spacing_mm: voxel size along I, J, K.

    Returns:
        The ratio; 1 if there are no steps at all, infinite if only the border has some, NaN if no repaired voxel
        is followed by two known ones.
    """
    box = bounding_box(mask)
    if box is None:
        return math.nan
    window = grown(box, (REACH, REACH, REACH), mask.shape)
    values, inside = _summable(image[window]), mask[window]
    steps = [
        _steps(turned, masked, size)
        for axis, size in enumerate(spacing_mm)
        for turned, masked in _both_ways(np.moveaxis(values, axis, 0), np.moveaxis(inside, axis, 0))
    ]
    across, beside = np.sum([sums for sums, _ in steps], axis=0)
    if not sum(count for _, count in steps):
        return math.nan
    if beside == 0.0:
        return 1.0 if across == 0.0 else math.inf
    return float(across / beside)


def _summable(values: FloatArray) -> FloatArray:
    """Return values whose differences can be added up: divided by the largest if it is extreme."""
    peak = np.abs(values).max(where=np.isfinite(values), initial=0.0)
    return values if peak < _LARGE else values / peak


def _both_ways(values: FloatArray, mask: Mask) -> tuple[tuple[FloatArray, Mask], tuple[FloatArray, Mask]]:
    """Return the arrays as they are and with the first axis reversed."""
    return (values, mask), (values[::-1], mask[::-1])


def _steps(values: FloatArray, mask: Mask, size_mm: float) -> tuple[tuple[float, float], int]:
    """Return the sums of the steps across the border and next to it along the first axis, and their number."""
    border = mask[:-2] & ~mask[1:-1] & ~mask[2:]
    repaired, first, second = (values[start : start + border.shape[0]][border] for start in range(3))
    across, beside = np.abs(repaired - first), np.abs(first - second)
    finite = np.isfinite(across) & np.isfinite(beside)
    sums = (float(steps[finite].sum(dtype=np.float64)) / size_mm for steps in (across, beside))
    return (next(sums), next(sums)), int(np.count_nonzero(finite))
