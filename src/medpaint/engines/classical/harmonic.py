"""The smoothest fill, without extrema of its own: Laplace's equation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np
from threadpoolctl import threadpool_limits

from medpaint.core.types import Mask, Spacing
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.conjugate import conjugate_gradients
from medpaint.engines.classical.multigrid import Multigrid
from medpaint.engines.classical.parts import filled_by_parts
from medpaint.engines.classical.stencil import Laplacian, Vector, product
from medpaint.engines.images import Image, Overlaid, values_at

__all__ = ["RESIDUAL_TOLERANCE", "Harmonic", "fill_harmonic"]

RESIDUAL_TOLERANCE: Final = 1e-6
"""Relative residual at which the equations count as solved."""


@final
@dataclass(frozen=True)
class Harmonic:
    """Solves Laplace's equation in the mask, in three dimensions and millimetres.

    Known voxels that share a face with the mask are the boundary values; where the mask reaches the border of
    the scan, no flux passes through it. No filled voxel is brighter or darker than all of the boundary.
    """

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the harmonic fill; see `Engine`.

        Raises:
            ConvergenceError: the equations are not solved to `RESIDUAL_TOLERANCE`.
        """
        del seed
        return Fill.by("harmonic", values_at(fill_harmonic(hole.image, hole.mask, hole.spacing_mm), hole.mask))


def fill_harmonic(image: Image, mask: Mask, spacing_mm: Spacing) -> Overlaid:
    """Return `image` with the solution of Laplace's equation in the mask, (I, J, K); see `Harmonic`.

    Raises:
        ConvergenceError: the equations are not solved to `RESIDUAL_TOLERANCE`.
    """
    return filled_by_parts(image, mask, spacing_mm, partial(_solution, spacing_mm), rim=False)


def _solution(spacing_mm: Spacing, equations: Laplacian, mask: Mask) -> Vector:
    """Return the solution of Laplace's equation, relative to the level of the equations, (N,)."""
    apply = partial(product, equations.unknown)
    with threadpool_limits(1, "blas"):  # its sums depend on the number of threads
        inverse = Multigrid(equations.unknown, np.argwhere(mask), spacing_mm)
        return conjugate_gradients(apply, -equations.known, inverse, tolerance=RESIDUAL_TOLERANCE)
