"""Lost slices by linear interpolation, for scans in which that is closer to the truth than a network."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask

__all__ = ["interpolated_gaps"]

_LARGEST_RATIO: Final = 2.0
"""Largest ratio of the squared distance between fill and interpolation to the squared error of interpolation.

It is 2 if both are equally far from the truth in unrelated directions. In real scans it was at most 1.
"""


def interpolated_gaps(slices: FloatArray, wanted: Mask, known: Mask) -> Mask:
    """Replace the fill of gaps, in place, if linear interpolation between the slices on either side does better.

    How well interpolation does is measured next to each gap, on known slices that are as far apart. A fill that is
    farther from the interpolation than that error explains is the worse of the two. Gaps that have too few known
    slices beside them are left as they are.

    Args:
        slices: the filled scan, slices first, (S, J, K).
        wanted: True = was filled, (S, J, K).
        known: True = measured, (S, J, K).

    Returns:
        Which voxels were replaced, (S, J, K).
    """
    replaced = np.zeros(wanted.shape, dtype=bool)
    seen = np.flatnonzero(known.any(axis=(1, 2)))
    for below, above in zip(seen[:-1].tolist(), seen[1:].tolist(), strict=True):
        gap = slice(below + 1, above)
        if above - below < 2 or not wanted[gap].any():
            continue
        error = _squared_error(slices, known, below, above)
        between = _between(slices[below], slices[above], above - below)
        distance = np.square((slices[gap] - between)[wanted[gap]], dtype=np.float64).mean()
        if error is not None and distance > _LARGEST_RATIO * error:
            slices[gap][wanted[gap]] = between[wanted[gap]]
            replaced[gap] = wanted[gap]
    return replaced


def _squared_error(slices: FloatArray, known: Mask, below: int, above: int) -> float | None:
    """Return the mean squared error of interpolation next to a gap; None where too few slices are known."""
    step = above - below
    errors: list[NDArray[np.float64]] = []
    for first in (below - step, above):
        if first < 0 or first + step >= len(slices):
            continue
        certain = known[first : first + step + 1]
        inner = certain[1:-1] & certain[0] & certain[-1]
        missed = slices[first + 1 : first + step] - _between(slices[first], slices[first + step], step)
        errors.append(np.square(missed[inner], dtype=np.float64))
    measured = np.concatenate(errors) if errors else np.empty(0)
    return float(measured.mean()) if measured.size else None


def _between(below: FloatArray, above: FloatArray, step: int) -> FloatArray:
    """Return the slices between two that are `step` slices apart, (step - 1, J, K)."""
    share = (np.arange(1, step) / step).astype(below.dtype)[:, np.newaxis, np.newaxis]
    between: FloatArray = (1 - share) * below + share * above
    return between
