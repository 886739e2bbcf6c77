"""Findings without the parts that are too small to be damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medpaint.core.types import Mask
from medpaint.detectors.base import Detection

__all__ = ["cleaned", "large_parts"]


def cleaned(detection: Detection, least_ml: float, voxel_ml: float) -> Detection:
    """Return a detection without connected parts of less than `least_ml`.

    Findings of which nothing is left are left out too. Whole slices are kept as they are.

    Args:
        detection: what a detector found.
        least_ml: smaller parts are left out.
        voxel_ml: volume of a voxel.
    """
    if least_ml <= voxel_ml or all(finding.axis for finding in detection.findings):
        return detection
    findings = [
        finding if finding.axis else replace(finding, mask=large_parts(finding.mask, least_ml / voxel_ml))
        for finding in detection.findings
    ]
    i, j, k = detection.mask.shape
    return Detection.of([one for one in findings if one.mask.any()], (i, j, k), detection.warnings)


def large_parts(mask: Mask, least: float) -> Mask:
    """Return the connected parts of a mask, (I, J, K), that have at least so many voxels."""
    from scipy.ndimage import label

    parts, _ = label(mask)
    kept = np.bincount(parts.ravel()) >= least
    kept[0] = False
    large: Mask = kept[parts]
    return large
