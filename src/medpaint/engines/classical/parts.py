"""A smooth fill put together: lost slices are solved exactly, everything else step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from medpaint.core.boxes import bounding_box, whole
from medpaint.core.types import Mask, Spacing
from medpaint.engines.classical.slices import lost_runs, solve_run
from medpaint.engines.classical.stencil import Laplacian, Vector, laplacian
from medpaint.engines.images import Image, Overlaid

__all__ = ["Solver", "filled_by_parts", "left_over"]

Solver: TypeAlias = Callable[[Laplacian, Mask], Vector]
"""Solves equations for the masked voxels, (I, J, K): relative to their `level`, (N,)."""


@dataclass(frozen=True, eq=False)
class _Part:
    """The solution in some of the masked voxels, and the range of the known ones that its equations read.

    The index is that of the voxels in the bounding box of the mask.
    """

    index: Any
    values: Vector
    lowest: float
    highest: float


def filled_by_parts(image: Image, mask: Mask, spacing_mm: Spacing, solve: Solver, *, rim: bool) -> Overlaid:
    """Return `image` with the smooth fill of its mask, (I, J, K), within the range of the known voxels it reads.

    Of the image nothing is read but what is close to the mask.

    Args:
        image: intensities, (I, J, K).
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        solve: for what is not a lost slice.
        rim: True for the biharmonic equation, False for Laplace's.
    """
    parts, box = [], bounding_box(mask) or whole(mask.shape)
    for run in lost_runs(mask, rim=rim):
        slices = solve_run(image, run, spacing_mm, rim=rim)
        parts.append(_Part(run.within(box), slices.values, slices.lowest, slices.highest))
    rest = left_over(mask, rim=rim)
    if not parts or rest.any():
        equations = laplacian(image, rest, spacing_mm, rim=rim)
        values = solve(equations, rest) + equations.level
        parts.append(_Part(rest[box], values, equations.lowest, equations.highest))
    lowest, highest = min(part.lowest for part in parts), max(part.highest for part in parts)
    filled = image[box].copy()
    for part in parts:
        filled[part.index] = np.clip(part.values, lowest, highest)
    return Overlaid(image, ((box, filled),))


def left_over(mask: Mask, *, rim: bool) -> Mask:
    """Return a mask, (I, J, K), without the lost slices that are solved exactly; itself if it has none."""
    runs = lost_runs(mask, rim=rim)
    rest = mask.copy() if runs else mask
    for run in runs:
        rest[run.index] = False
    return rest
