"""Padding voxels, which are not image and are never repaired."""

from __future__ import annotations

import numpy as np

from medpaint.core.boxes import bounding_box
from medpaint.core.types import Mask
from medpaint.core.volume import Volume

__all__ = ["without_padding"]


def without_padding(mask: Mask, scan: Volume) -> tuple[Mask, tuple[str, ...]]:
    """Return a mask without the scan's padding voxels, and a warning that says how many there were.

    Args:
        mask: (I, J, K).
        scan: the scan on the same grid.
    """
    box = bounding_box(mask)
    if box is None or scan.encoding.padding is None:
        return mask, ()
    padded = mask[box] & scan.encoding.at(box, scan.shape).is_padding(scan.data[box])
    count = int(np.count_nonzero(padded))
    if not count:
        return mask, ()
    kept = mask.copy(order="K")
    kept[box] &= ~padded
    return kept, (f"{count} voxels of the mask are padding, not image, and stay as they are",)
