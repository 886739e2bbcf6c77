"""The scale of intensities that a foreign network was trained with, in place of that of our own."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from medpaint.core.foreground import threshold_of
from medpaint.core.types import FloatArray
from medpaint.engines.learned.foreign.description import Intensities
from medpaint.engines.learned.start import Start, values_near

__all__ = ["scaled_for"]

_ENOUGH = 2_000_000
"""Of a larger scan, every n-th voxel is looked at."""

_SLAB = 16
"""Planes that are read at once."""


def scaled_for(start: Start, intensities: Intensities) -> Start:
    """Return a first fill whose intensities are scaled as a network wants them.

    Every scale is linear: it has a `centre`, which is shown as 0, and a `spread`, which is shown as 1. Where all
    known voxels are equal, the spread is 0. Only `clip` limits what the network sees then.
    """
    if start.spread == 0.0 or intensities == Intensities():
        return start
    low, high = intensities.range or (0.0, 1.0)
    if intensities.scale == "values":
        return _to(start, low, high, intensities.to)
    known = _known(start, whole=intensities.over == "scan")
    if intensities.tissue:
        bright = known[known > threshold_of(known)]
        known = bright if bright.size else known
    if intensities.scale == "percentiles":
        first, last = np.percentile(known, [low, high])
        return _to(start, float(first), float(last), intensities.to)
    centre, spread = float(known.mean()), float(known.std())
    return _with(start, centre, spread if spread > 1e-9 * abs(centre) else 0.0)


def _to(start: Start, low: float, high: float, to: tuple[float, float]) -> Start:
    """Return a first fill that shows intensities from `low` to `high` as those of `to`."""
    spread = (high - low) / (to[1] - to[0])
    return _with(start, low - to[0] * spread, spread if high > low else 0.0)


def _with(start: Start, centre: float, spread: float) -> Start:
    """Return a first fill with another scale."""
    return replace(start, centre=centre, spread=spread, most=inf)


def _known(start: Start, *, whole: bool) -> FloatArray:
    """Return the known intensities near the holes, or those of the whole scan, (N,) float64."""
    if not whole:
        return values_near(start.smooth, start.mask, start.known, start.spacing_mm)
    i, j, k = start.mask.shape
    step = max(1, i * j * k // _ENOUGH)
    parts, seen = [], 0
    for first in range(0, i, _SLAB):
        window = slice(first, min(first + _SLAB, i)), slice(0, j), slice(0, k)
        found = start.smooth[window][start.known[window]]
        parts.append(found[-seen % step :: step])
        seen += found.size
    return np.concatenate(parts).astype(np.float64)
