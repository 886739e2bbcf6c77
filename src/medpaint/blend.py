"""Blend filled values into a scan: soft at the edge if asked for, identical outside the mask."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Array, FloatArray, Mask, Spacing
from medpaint.core.volume import Volume

__all__ = ["alpha_in_mask", "blended", "clipped"]

SHARPEST_MM: Final = 1e-6
"""A narrower soft edge is a hard one; keeps the division within float64."""

HALF_STEP: Final = 0.5
"""Rounding moves a stored value by this much at most."""


def alpha_in_mask(mask: Mask, spacing_mm: Spacing, edge_mm: float) -> FloatArray:
    """Return the weight of the filled value for every masked voxel.

    It rises from the mask's border inwards over `edge_mm` by a smoothstep (3t^2 - 2t^3) of the distance to
    the nearest voxel outside, and is 1 from there on. Outside the mask the weight is 0.

    Args:
        mask: (I, J, K).
        spacing_mm: voxel size along I, J, K.
        edge_mm: width of the soft edge; 0 for a hard one.

    Returns:
        float32 weights in [0, 1], one for each True of `mask`, in C order.
    """
    from scipy.ndimage import distance_transform_edt

    count = int(np.count_nonzero(mask))
    box = bounding_box(mask)
    if box is None or edge_mm <= 0:
        return np.ones(count, np.float32)
    window = grown(box, (1, 1, 1), mask.shape)
    inside = mask[window]
    distance = distance_transform_edt(inside, sampling=spacing_mm)
    ramp = np.clip(distance[inside] / max(edge_mm, SHARPEST_MM), 0.0, 1.0)
    return np.asarray(ramp * ramp * (3.0 - 2.0 * ramp), np.float32)


def blended(scan: Volume, mask: Mask, filled: FloatArray, alpha: FloatArray, *, in_place: bool = False) -> Array:
    """Return the scan's stored values with the filled ones blended in.

    Args:
        scan: the scan, (I, J, K).
        mask: True = repair, (I, J, K).
        filled: intensities, one for each True of `mask`, in C order.
        alpha: their weights, in the same order. Where the scan's own value is not finite, only the filled one
            counts.
        in_place: change the scan's own array, which the caller must not use as the scan any more.

    Returns:
        Stored values, (I, J, K), of the scan's dtype, in a new array or the scan's own: rounded, within the range
        that may be stored, and bit for bit the scan's outside the mask.
    """
    restored = _writeable(scan.data) if in_place else scan.data.copy(order="K")
    box = bounding_box(mask)
    if box is None:
        return restored
    inside = mask[box]
    encoding = scan.encoding.at(box, scan.shape).at(inside, inside.shape)
    own = encoding.decode(scan.data[box][inside])
    weight = np.where(np.isfinite(own), alpha, 1.0).astype(filled.dtype)
    mixed = np.where(weight < 1.0, weight * filled + (1.0 - weight) * np.nan_to_num(own), filled)
    restored[box][inside] = encoding.encode(mixed)
    return restored


def _writeable(data: Array) -> Array:
    """Return a view of a volume's values through which they can be changed, or a copy where they cannot."""
    view = data.view()
    try:
        view.flags.writeable = True
    except ValueError:  # the array that the volume was made of is read-only itself
        return data.copy(order="K")
    return view


def clipped(scan: Volume, mask: Mask, filled: FloatArray) -> int:
    """Return how many filled voxels exceed what their slice can store, where each slice has its own scaling.

    Args:
        scan: the scan, (I, J, K).
        mask: True = repair, (I, J, K).
        filled: intensities, one for each True of `mask`, in C order.
    """
    if not (scan.encoding.slope.ndim and filled.size):
        return 0
    encoding = scan.encoding.at(mask, scan.shape)
    stored = (filled.astype(np.float64) - encoding.intercept) / encoding.slope
    return int(np.count_nonzero((stored > encoding.highest + HALF_STEP) | (stored < encoding.lowest - HALF_STEP)))
