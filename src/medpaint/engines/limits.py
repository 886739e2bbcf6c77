"""The holes and voxels that the engines were measured on, and warnings beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from medpaint.core.text import distinct_digits
from medpaint.core.types import Mask, Spacing, Window
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.mixture import single_fillers
from medpaint.engines.windows import windows

__all__ = ["beyond_measured"]

MEASURED_ML: Final = 50.0
"""Largest hole of the measurements."""

MEASURED_MM: Final = 23.0
"""Greatest depth that a hole of that volume can have, which is that of a ball."""

_TOLERANCE: Final = 1.2
"""Holes and voxels up to this many times as large as measured are not worth a warning."""

_FINEST_MM: Final = 0.5
_WIDEST_MM: Final = 1.6
_THICKEST_MM: Final = 5.0
"""Voxel sizes that the networks were measured on: in the plane, and across it."""


def beyond_measured(filled_by: Mapping[str, int], mask: Mask, spacing_mm: Spacing) -> tuple[str, ...]:
    """Return warnings about holes and voxels that no engine, or no network, was measured on.

    Args:
        filled_by: masked voxels by what filled them.
        mask: True = was filled, (I, J, K); no lost slices.
        spacing_mm: voxel size along I, J, K, at human scale.
    """
    networks = [name for name in single_fillers(filled_by) if name in NETWORKS]
    return (*_large(mask, spacing_mm), *(_odd_voxels(networks, mask, spacing_mm) if networks else ()))


def _large(mask: Mask, spacing_mm: Spacing) -> tuple[str, ...]:
    """Return a warning about the largest hole, by its volume or else by its depth."""
    boxes = windows(mask, spacing_mm, 0.0)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    ml = max((np.count_nonzero(mask[box]) * voxel_ml for box in boxes), default=0.0)
    beyond = "the fill may look real and be wrong in its middle"
    if ml > _TOLERANCE * MEASURED_ML and min(mask.shape) > 1:
        hole = f"a hole of {distinct_digits(ml, MEASURED_ML)} ml"
        return (
            f"{hole} is larger than the largest that the engines were measured on ({MEASURED_ML:g} ml): {beyond}",
        )
    depth = max((_depth_mm(mask, box, spacing_mm) for box in boxes), default=0.0)
    if depth > _TOLERANCE * MEASURED_MM:
        hole = f"a hole {distinct_digits(depth, MEASURED_MM)} mm deep"
        return (f"{hole} is deeper than those that the engines were measured on ({MEASURED_MM:g} mm): {beyond}",)
    return ()


def _depth_mm(mask: Mask, box: Window, spacing_mm: Spacing) -> float:
    """Return the depth of the hole in a box; 0 where the box is too narrow for one of more than was measured."""
    widths = [
        (part.stop - part.start) * size
        for part, size, count in zip(box, spacing_mm, mask.shape, strict=True)
        if count > 1
    ]
    if min(widths, default=0.0) < 2.0 * MEASURED_MM:
        return 0.0
    edges = [(0, 0) if count == 1 else (1, 1) for count in mask.shape]
    return float(distance_transform_edt(np.pad(mask[box], edges), sampling=spacing_mm).max())


def _odd_voxels(networks: list[str], mask: Mask, spacing_mm: Spacing) -> tuple[str, ...]:
    """Return a warning about voxels much smaller or larger than those that the networks were measured on."""
    sizes = sorted(size for size, count in zip(spacing_mm, mask.shape, strict=True) if count > 1)
    if not sizes:
        return ()
    in_plane = sizes[min(1, len(sizes) - 1)]
    fine, wide = sizes[0] * _TOLERANCE < _FINEST_MM, in_plane > _TOLERANCE * _WIDEST_MM
    if not (fine or wide or sizes[-1] > _TOLERANCE * _THICKEST_MM):
        return ()
    voxels = " x ".join(f"{size:.3g}" for size in spacing_mm)
    measured = f"{_FINEST_MM:g} to {_WIDEST_MM:g} mm in the plane and up to {_THICKEST_MM:g} mm across it"
    remedy = "compare the result with that of biharmonic"
    return (f"{', '.join(networks)} filled voxels of {voxels} mm; measured were {measured}: {remedy}",)
