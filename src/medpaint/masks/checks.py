"""Checks that a mask can be right for a scan."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box, distance_mm
from medpaint.core.errors import MaskError
from medpaint.core.foreground import foreground_of
from medpaint.core.text import distinct_digits
from medpaint.core.types import Mask
from medpaint.core.volume import Volume

__all__ = ["NEAR_MM", "TINY_VOXELS", "check_against_scan"]

TINY_VOXELS: Final = 3
"""A mask of so few voxels is more often a mistake than damage; it is accepted with a warning."""

NEAR_MM: Final = 20.0
"""A mask further than this from all tissue is assumed to belong to another scan."""


def check_against_scan(mask: Mask, scan: Volume, *, max_fraction: float) -> tuple[str, ...]:
    """Return warnings about a mask, or refuse it.

    Args:
        mask: (I, J, K), at least one voxel True.
        scan: the scan on the same grid.
        max_fraction: largest masked share of the foreground.

    Raises:
        MaskError: every voxel masked, more than `max_fraction` of the foreground masked (often a mask of the
            wrong polarity), or a mask far from the scan's tissue.
    """
    count = int(np.count_nonzero(mask))
    if count == mask.size:
        message = (
            f"mask covers all {count} voxels: nothing is left to restore from; check the polarity "
            "(--invert-mask) and the dilation"
        )
        raise MaskError(message)
    foreground = foreground_of(scan, mask)
    if not foreground.tissue.any():
        message = "the scan has no finite values to restore from"
        raise MaskError(message)
    if foreground.masked_share > max_fraction:
        share = distinct_digits(100.0 * foreground.masked_share, 100.0 * max_fraction)
        message = (
            f"mask covers {share}% of the foreground, more than {100.0 * max_fraction:g}%: "
            "use --invert-mask if black means repair, or raise --max-fraction if this is intended"
        )
        raise MaskError(message)
    box = bounding_box(mask)
    distance = 0.0 if box is None else distance_mm(box, foreground.box, scan.spacing_mm)
    if distance > NEAR_MM:
        away = distinct_digits(distance, NEAR_MM)
        message = f"mask and scan do not overlap: the mask is {away} mm away from all tissue"
        raise MaskError(message)
    return (f"mask has only {count} voxels",) if count <= TINY_VOXELS else ()
