"""The smooth fill that also continues slopes: the biharmonic equation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np
from scipy.ndimage import distance_transform_edt
from threadpoolctl import threadpool_limits

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.conjugate import conjugate_gradients
from medpaint.engines.classical.multigrid import Multigrid
from medpaint.engines.classical.parts import filled_by_parts
from medpaint.engines.classical.stencil import Laplacian, Vector, product

__all__ = ["RESIDUAL_TOLERANCE", "Biharmonic", "fill_biharmonic", "takes_longer"]

RESIDUAL_TOLERANCE: Final = 1e-6
"""Relative residual of the normal equations at which they count as solved."""

_STEP_S: Final = 1.5e-7
"""Seconds that a step of the solution takes for a voxel, on one core."""

_STEPS: Final = 8.0
"""Steps of the solution for each voxel of depth; measured in boxes of 24 to 144 voxels."""


@final
@dataclass(frozen=True)
class Biharmonic:
    """Minimises the squared Laplacian, in three dimensions and millimetres.

    The sum runs over all voxels whose stencil meets the mask, so that the two layers of known voxels around the
    mask are the data: their values and, by their difference, their slopes. Slopes can overshoot, so the fill is
    clipped to the range of those layers. Where the mask reaches the border of the scan the slope across it is
    zero.
    """

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the biharmonic fill; see `Engine`.

        Raises:
            ConvergenceError: the equations are not solved to `RESIDUAL_TOLERANCE`.
        """
        del seed
        return Fill.by("biharmonic", fill_biharmonic(hole.image, hole.mask, hole.spacing_mm)[hole.mask])


def fill_biharmonic(image: FloatArray, mask: Mask, spacing_mm: Spacing) -> FloatArray:
    """Return `image` with the solution of the biharmonic equation in the mask, (I, J, K); see `Biharmonic`.

    Raises:
        ConvergenceError: the equations are not solved to `RESIDUAL_TOLERANCE`.
    """
    return filled_by_parts(image, mask, spacing_mm, partial(_solution, spacing_mm), rim=True)


def _solution(spacing_mm: Spacing, equations: Laplacian, mask: Mask) -> Vector:
    """Return the solution of the biharmonic equation, relative to the level of the equations, (N,)."""
    outward, inward = equations.unknown, equations.unknown.T.tocsr()

    def squared(values: Vector) -> Vector:
        return product(inward, product(outward, values))

    def unsquared(residual: Vector) -> Vector:
        return inverse(inverse(residual))

    target = -product(inward, equations.known)
    with threadpool_limits(1, "blas"):  # its sums depend on the number of threads
        inverse = Multigrid(outward[: outward.shape[1]], np.argwhere(mask), spacing_mm)
        return conjugate_gradients(squared, target, unsquared, tolerance=RESIDUAL_TOLERANCE)


def takes_longer(mask: Mask, allowed_s: float) -> bool:
    """Return whether the biharmonic fill of a mask, (I, J, K), would take longer than this, by an estimate.

    The time grows with the number of voxels times the depth of the hole. The depth is looked for only if the
    extent of the mask does not settle it.
    """
    box = bounding_box(mask)
    if box is None:
        return False
    cost_s = int(np.count_nonzero(mask)) * _STEPS * _STEP_S
    if cost_s * min(part.stop - part.start for part in box) / 2 <= allowed_s:
        return False
    return bool(cost_s * distance_transform_edt(mask[grown(box, (1, 1, 1), mask.shape)]).max() > allowed_s)
