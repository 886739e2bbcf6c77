"""Voxels that are NaN or infinite."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, Mask
from medpaint.detectors.base import Detection, Finding, Sensitivity
from medpaint.detectors.examined import Examined

__all__ = ["nonfinite_voxels"]

WHY: Final = "the voxels are NaN or infinite, and not part of a background that reaches the scan's border"


def nonfinite_voxels(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:  # noqa: ARG001 - exact
    """Find non-finite voxels inside the scan.

    Those that are connected to the scan's border by other non-finite voxels are background; they are left alone,
    with a warning.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: of no account, because the signal is exact.
    """
    data = scan.volume.data
    if data.dtype.kind != "f":
        return Detection(np.zeros(data.shape, np.bool_), ())
    inside, outside = _inside(data, found)
    findings = (Finding("non-finite voxels", inside, WHY),) if inside.any() else ()
    warnings: tuple[str, ...] = ()
    if outside:
        warnings = (f"{outside} non-finite voxels reach the scan's border; taken for background and kept",)
    return Detection(inside, findings, warnings)


def _inside(data: Array, found: Mask) -> tuple[Mask, int]:
    """Return the unknown non-finite voxels inside the scan, and how many are connected to its border."""
    from scipy.ndimage import label

    bad = ~np.isfinite(data) & ~found
    if not bad.any():
        return bad, 0
    if bad.size == 1:
        return ~bad, 1
    parts, _ = label(bad)
    faces = [np.unique(parts[(slice(None),) * axis + ([0, -1],)]) for axis in range(3) if data.shape[axis] > 1]
    outer = np.isin(parts, np.setdiff1d(np.concatenate(faces), 0))
    return bad & ~outer, int(np.count_nonzero(outer))
