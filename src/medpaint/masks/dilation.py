"""Dilation of masks in millimetres."""

from __future__ import annotations

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Mask, Spacing

__all__ = ["dilated"]


def dilated(mask: Mask, spacing_mm: Spacing, distance_mm: float) -> Mask:
    """Return `mask` with every voxel whose centre lies within `distance_mm` of a masked voxel's centre.

    Exact on anisotropic grids: by Euclidean distance, not by voxel steps.

    Args:
        mask: (I, J, K).
        spacing_mm: voxel size along I, J, K.
        distance_mm: 0 leaves the mask unchanged.
    """
    from scipy.ndimage import distance_transform_edt

    box = bounding_box(mask)
    if box is None or distance_mm <= 0:
        return mask.copy(order="K")
    i, j, k = (int(distance_mm / size) + 1 for size in spacing_mm)
    window = grown(box, (i, j, k), mask.shape)
    result = mask.copy(order="K")
    distance = distance_transform_edt(~mask[window], sampling=spacing_mm)
    result[window] = distance <= distance_mm * (1 + np.finfo(np.float32).eps)
    return result
