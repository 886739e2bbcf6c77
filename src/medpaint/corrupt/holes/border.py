"""Holes at the surface of the tissue, as those of lesions at the edge of an extracted brain."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import binary_erosion

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing
from medpaint.corrupt.holes.blob import lesion_blob

__all__ = ["border_blob"]

_IN_TISSUE: Final = (0.3, 0.9)
"""Share of such a hole that lies in the tissue; the rest is background."""

_TRIES: Final = 12
"""Places that are tried for one hole."""


def border_blob(foreground: Mask, spacing_mm: Spacing, *, volume_ml: float, seed: int) -> Mask:
    """Return a mask of one irregular blob across the surface of the foreground.

    It is a `lesion_blob` around a voxel of the surface that may leave the foreground.

    Args:
        foreground: the tissue, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        volume_ml: volume of the blob, tissue and background together, accurate to half a voxel.
        seed: decides the place and the shape.

    Raises:
        InputError: no such blob lies partly in the foreground.
    """
    rng = np.random.default_rng(seed)
    places = np.flatnonzero(foreground & ~binary_erosion(foreground, border_value=1))
    anywhere = np.ones_like(foreground)
    for place in rng.choice(places, _TRIES) if places.size else ():
        i, j, k = (int(one) for one in np.unravel_index(int(place), foreground.shape))
        grown_from = int(rng.integers(2**31))
        blob = lesion_blob(anywhere, spacing_mm, volume_ml=volume_ml, seed=grown_from, centre=(i, j, k))
        if _IN_TISSUE[0] <= float(foreground[blob].mean()) <= _IN_TISSUE[1]:
            return blob
    message = f"expected a hole of {volume_ml:.3g} ml across the surface of the tissue, found no place for one"
    raise InputError(message)
