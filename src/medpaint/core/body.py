"""The body in a scan as one piece, from an intensity threshold that leaves gaps."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import binary_fill_holes, label, maximum_filter, minimum_filter

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Mask, Spacing

__all__ = ["body"]

_GAP_MM: Final = 3.0
"""Gaps of this width are closed: sulci, vessels."""

_SMALLEST: Final = 0.1
"""Pieces below this share of the largest are specks of noise, or the table."""


def body(bright: Mask, spacing_mm: Spacing) -> Mask:
    """Return `bright` without specks, its gaps closed and its holes filled, (I, J, K).

    Args:
        bright: voxels above a threshold, (I, J, K).
        spacing_mm: voxel size along I, J, K.
    """
    filled = np.zeros_like(bright)
    numbers, _ = label(bright)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    kept = (sizes >= _SMALLEST * sizes.max()) & (sizes > 0)
    pieces = kept[numbers]
    box = bounding_box(pieces)
    if box is None:
        return filled
    reach = [min(int(_GAP_MM / 2.0 / size), count) for size, count in zip(spacing_mm, bright.shape, strict=True)]
    box_edges = [2 * step + 1 for step in reach]
    window = grown(box, (reach[0], reach[1], reach[2]), bright.shape)
    padded = np.pad(pieces[window], [(step, step) for step in reach], mode="edge")
    dilated = maximum_filter(padded.view(np.uint8), box_edges, mode="constant")
    closed = minimum_filter(dilated, box_edges, mode="constant").view(np.bool_)
    inner = tuple(slice(step, step + part.stop - part.start) for step, part in zip(reach, window, strict=True))
    filled[window] = binary_fill_holes(closed[inner] | pieces[window])
    return filled
