"""What stands in a damaged volume."""

from __future__ import annotations

import numpy as np

from medpaint.core.types import Array, Mask

__all__ = ["damage"]


def damage(data: Array, mask: Mask, value: float) -> Array:
    """Return a copy of `data`, (I, J, K), of the same dtype, with `value` in place of the masked voxels."""
    damaged: Array = np.where(mask, np.asarray(value).astype(data.dtype), data)
    return damaged
