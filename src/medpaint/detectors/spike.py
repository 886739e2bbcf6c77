"""Herringbone: a wave through a whole slice, from a spike in k-space."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.slices import slices_mask
from medpaint.core.types import Array, FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined

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
    best: Finding | None = None
    for stack in scan.stacks:
        kept = stack.without(found)
        peaks = np.where(kept.judged, kept.peaks, 0.0)
        struck = _struck(peaks, LIMITS.at(sensitivity))
        if struck.size and (best is None or LIMITS.score(float(peaks.max())) > best.score):
            slices = kept.indices[struck]
            down, across = kept.waves[int(peaks.argmax())]
            scores = tuple(LIMITS.score(float(one)) for one in peaks[struck])
            best = Finding(
                "herringbone",
                slices_mask(scan.volume.shape, kept.axis, slices) & ~found,
                f"a wave of {np.hypot(down, across):.2f} cycles per voxel is up to {peaks.max():.0f} times as "
                "strong as the neighbouring slices predict",
                "IJK"[kept.axis],
                tuple(int(index) for index in slices),
                max(scores),
                scores,
            )
    return Detection.of([best] if best is not None else [], scan.volume.shape)


def _struck(peaks: FloatArray, limit: float) -> Array:
    """Return the slices above the limit, and those that are connected to one by slices above a share of it."""
    from scipy.ndimage import label

    runs, _ = label(peaks >= BESIDE * limit)
    kept = np.unique(runs[peaks >= limit])
    struck: Array = np.flatnonzero(np.isin(runs, kept[kept > 0]))
    return struck
