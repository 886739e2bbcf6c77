"""Herringbone: a wave through a whole slice, from a spike in k-space."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.slicewise import detection_of, most_certain, slices_found
from medpaint.detectors.stack import Stack

__all__ = ["spike"]

LIMITS: Final = Limits(20.0, 13.0, 10.0)
"""Magnitude of one wave in the spectrum of a slice, as a multiple of what its neighbours predict."""

BESIDE: Final = 0.5
"""Next to a slice above the limit, this share of it is enough: struck slices hide each other."""


def spike(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find slices with a wave that their neighbours do not have; the whole slice counts as damaged.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily slices are reported.
    """

    def waves(stack: Stack) -> Finding | None:
        peaks = np.where(stack.judged, stack.peaks, 0.0)
        struck = _struck(peaks, LIMITS.at(sensitivity))
        if not struck.size:
            return None
        down, across = stack.waves[int(peaks.argmax())]
        why = (
            f"a wave of {np.hypot(down, across):.2f} cycles per voxel is up to {peaks.max():.0f} times as "
            "strong as the neighbouring slices predict"
        )
        return slices_found(stack, struck, peaks, LIMITS, found, kind="herringbone", why=why)

    return detection_of(most_certain(scan, found, waves), scan)


def _struck(peaks: FloatArray, limit: float) -> Array:
    """Return the slices above the limit, and those that are connected to one by slices above a share of it."""
    from scipy.ndimage import label

    runs, _ = label(peaks >= BESIDE * limit)
    kept = np.unique(runs[peaks >= limit])
    struck: Array = np.flatnonzero(np.isin(runs, kept[kept > 0]))
    return struck
