"""Whole slices along an axis of a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medpaint.core.types import Array, Mask

__all__ = ["slices_mask"]


def slices_mask(shape: tuple[int, int, int], axis: int, slices: Sequence[int] | Array) -> Mask:
    """Return the mask of whole slices along an axis, (I, J, K)."""
    mask = np.zeros(shape, np.bool_)
    np.moveaxis(mask, axis, 0)[list(slices)] = True
    return mask
