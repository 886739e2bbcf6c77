"""The smooth fill that also continues slopes: the biharmonic equation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np
from scipy.ndimage import distance_transform_edt
from threadpoolctl import threadpool_limits

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.errors import MaskError
from medpaint.core.types import Mask, Spacing, Window
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.conjugate import conjugate_gradients
from medpaint.engines.classical.multigrid import Multigrid
from medpaint.engines.classical.parts import filled_by_parts, left_over
from medpaint.engines.classical.stencil import Laplacian, Vector, product
from medpaint.engines.images import Image, Overlaid, values_at

__all__ = ["LONGEST_S", "RESIDUAL_TOLERANCE", "Biharmonic", "fill_biharmonic", "takes_longer"]

RESIDUAL_TOLERANCE: Final = 1e-6
"""Relative residual of the normal equations at which they count as solved."""

LONGEST_S: Final = 1800.0
"""Largest estimate of the seconds for which the equations are solved."""

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
            MaskError: they would take longer than `LONGEST_S`.
        """
        del seed
        return Fill.by("biharmonic", values_at(fill_biharmonic(hole.image, hole.mask, hole.spacing_mm), hole.mask))


def fill_biharmonic(image: Image, mask: Mask, spacing_mm: Spacing) -> Overlaid:
    """Return `image` with the solution of the biharmonic equation in the mask, (I, J, K); see `Biharmonic`.

    Raises:
        ConvergenceError: the equations are not solved to `RESIDUAL_TOLERANCE`.
        MaskError: they would take longer than `LONGEST_S`.
    """
    _refuse_long(mask)
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
    extent of the mask does not settle it. Lost slices that are solved exactly take no time to speak of.
    """
    mask = left_over(mask, rim=True)
    box = bounding_box(mask)
    if box is None:
        return False
    depth = min(part.stop - part.start for part in box) / 2
    return _seconds(mask, depth) > allowed_s and _seconds(mask, _depth(mask, box)) > allowed_s


def _refuse_long(mask: Mask) -> None:
    """Refuse a hole whose equations would take longer than `LONGEST_S`.

    Raises:
        MaskError: such a hole.
    """
    if not takes_longer(mask, LONGEST_S):
        return
    rest = left_over(mask, rim=True)
    minutes = _seconds(rest, _depth(rest, bounding_box(rest))) / 60
    message = (
        f"the biharmonic equation in a hole this deep would take about {minutes:.0f} minutes, more than the "
        f"{LONGEST_S / 60:.0f} that are allowed: choose the engine harmonic, or mask less"
    )
    raise MaskError(message)


def _seconds(mask: Mask, depth: float) -> float:
    """Return how long the fill of a mask of this depth in voxels takes, an estimate."""
    return int(np.count_nonzero(mask)) * depth * _STEPS * _STEP_S


def _depth(mask: Mask, box: Window | None) -> float:
    """Return the largest distance of a masked voxel from a known one, in voxels; `box` bounds the mask."""
    if box is None:
        return 0.0
    return float(distance_transform_edt(mask[grown(box, (1, 1, 1), mask.shape)]).max())
