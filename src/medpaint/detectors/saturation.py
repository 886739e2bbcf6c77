"""Clipped intensities: regions of one value that no other value has."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined

__all__ = ["flat", "plateau", "saturation"]

LIMITS: Final = Limits(10.0, 5.0, 4.0)
"""Flat voxels of one value in ml: those that equal their neighbours on both sides along two axes.

Scans that were scaled to 8 bits with some percentile of the tissue as the highest value have a few ml of these."""

ABOVE: Final = 20.0
"""A clipped value has so many times as many flat voxels as the values near it."""

NEAR: Final = 0.02
"""Values within this share of the range of tissue are near a value."""


def saturation(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find regions whose intensity was clipped at a ceiling.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily damage is reported.
    """
    clipped = plateau(scan, found)
    if clipped is None or clipped[1] < ABOVE or clipped[2] < LIMITS.at(sensitivity):
        return Detection.of([], scan.volume.shape)
    value, ratio, ml = clipped
    mask = (scan.volume.data == value) & ~found
    why = (
        f"regions have exactly the value {value:g}, {min(ratio, 999.0):.0f} times as many voxels as values near it"
    )
    return Detection.of([Finding("clipped intensities", mask, why, score=LIMITS.score(ml))], scan.volume.shape)


def flat(data: Array) -> Mask:
    """Return the finite voxels that equal their neighbours on both sides along the two longest axes, (I, J, K)."""
    same = np.ones(data.shape, np.bool_)
    axes = sorted(range(3), key=lambda axis: -data.shape[axis])[:2]
    for axis in axes:
        values, frames = np.moveaxis(data, axis, 0), np.moveaxis(same, axis, 0)
        equal = values[:-1] == values[1:]
        frames[0] = frames[-1] = False
        frames[1:-1] &= equal[:-1] & equal[1:]
    if data.dtype.kind == "f":
        same &= np.isfinite(data)
    return same


def plateau(scan: Examined, found: Mask) -> tuple[float, float, float] | None:
    """Return the stored value with the most flat voxels in the tissue; None if no voxel is flat.

    Returns:
        The value, how many times as many flat voxels it has as the values near it, and their ml.
    """
    data, encoding = scan.volume.data, scan.volume.encoding
    _, threshold, bright = scan.levels
    chosen = flat(data) & ~found
    candidates = data[chosen]
    candidates = candidates[encoding.at(chosen, data.shape).decode(candidates) > threshold]
    if not candidates.size:
        return None
    values, counts = np.unique(candidates, return_counts=True)
    best = int(counts.argmax())
    ml = float(counts[best]) * scan.volume.voxel_ml
    width = NEAR * (bright - threshold) / float(np.abs(np.ravel(encoding.slope)[0]))
    near = (np.abs(values.astype(np.float64) - float(values[best])) <= max(width, 3.0)) & (values != values[best])
    return float(values[best]), float(counts[best]) / max(1.0, float(counts[near].max(initial=0))), ml
