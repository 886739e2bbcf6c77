"""Smoothed-aggregation multigrid for Laplacians on masked grids.

One V-cycle is a symmetric positive definite approximation of the inverse, which makes it a preconditioner for
conjugate gradients. Voxels are aggregated in blocks of three along every axis whose coupling is strong, so that
anisotropic grids are coarsened along their fine axes first (semi-coarsening); the constant on each block is
smoothed by one damped Jacobi step to make the interpolation; coarse operators are Galerkin products.

P. Vaněk, J. Mandel, M. Brezina: Algebraic multigrid by smoothed aggregation for second and fourth order elliptic
problems. Computing 56 (1996) 179-196.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from medpaint.core.types import Spacing
from medpaint.engines.classical.stencil import Vector, product

__all__ = ["Multigrid"]

_BLOCK: Final = 3
"""Number of voxels in an aggregate along a strong axis."""

_STRONG_RATIO: Final = 2.0
"""Largest ratio of a strong axis's spacing to the finest one."""

_COARSEST: Final = 400
"""Largest number of unknowns for which the system is solved directly."""

_SMOOTHING: Final = 4.0 / 3.0
"""Jacobi damping times the spectral radius: damps the upper three quarters of the spectrum best."""


@dataclass(frozen=True, eq=False)
class _Level:
    """One grid: its operator (N, N), damped inverse diagonal (N,), and the way from and to the coarser grid."""

    operator: csr_array[np.float64]
    damping: Vector
    prolong: csr_array[np.float64]
    restrict: csr_array[np.float64]


@final
class Multigrid:
    """Approximates the inverse of a Laplacian by one symmetric V-cycle.

    Args:
        operator: symmetric positive definite, with non-positive off-diagonal entries, (N, N).
        voxels: index of each unknown on the grid, (N, 3).
        spacing_mm: voxel size along I, J, K.
    """

    def __init__(self, operator: csr_array[np.float64], voxels: NDArray[np.int64], spacing_mm: Spacing) -> None:
        self._levels: list[_Level] = []
        spacing = np.asarray(spacing_mm, float)
        while operator.shape[0] > _COARSEST:
            factor = _coarsening(voxels, spacing)
            level, voxels = _coarsen(operator, voxels, factor)
            self._levels.append(level)
            operator = (level.restrict @ (operator @ level.prolong)).tocsr()
            spacing = spacing * factor
        self._coarsest = cho_factor(operator.toarray(), lower=True)

    def __call__(self, residual: Vector) -> Vector:
        """Apply one V-cycle to a residual, (N,), and return the correction, (N,)."""
        return self._cycle(0, residual)

    def _cycle(self, depth: int, residual: Vector) -> Vector:
        """Smooth, correct from the coarser grid, and smooth again; solve directly on the coarsest grid."""
        if depth == len(self._levels):
            exact: Vector = cho_solve(self._coarsest, residual, check_finite=False)
            return exact
        level = self._levels[depth]
        solution = level.damping * residual
        left = product(level.restrict, residual - product(level.operator, solution))
        solution += product(level.prolong, self._cycle(depth + 1, left))
        solution += level.damping * (residual - product(level.operator, solution))
        return solution


def _coarsening(voxels: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of voxels in an aggregate along each axis, (3,)."""
    extended = np.ptp(voxels, axis=0) > 0
    strong = extended & (spacing <= _STRONG_RATIO * spacing[extended].min())
    return np.where(strong, _BLOCK, 1)


def _coarsen(
    operator: csr_array[np.float64], voxels: NDArray[np.int64], factor: NDArray[np.int64]
) -> tuple[_Level, NDArray[np.int64]]:
    """Return the level of `operator`, and the index of each of its aggregates on the coarser grid."""
    blocks = voxels // factor
    blocks -= blocks.min(axis=0)
    shape = tuple(blocks.max(axis=0) + 1)
    taken = np.zeros(shape, dtype=bool)
    taken[tuple(blocks.T)] = True
    number = np.cumsum(taken.ravel(), dtype=np.int32) - np.int32(1)
    aggregate = number[np.ravel_multi_index(tuple(blocks.T), shape)]
    count = len(aggregate)
    constant = csr_array((np.ones(count), aggregate, np.arange(count + 1)), shape=(count, int(number[-1]) + 1))
    strong = _without_weak(operator, blocks, factor)
    smooth = csr_array(strong @ constant)
    smooth.data *= -np.repeat(_damping(strong), np.diff(smooth.indptr))
    prolong = (constant + smooth).tocsr()
    return _Level(operator, _damping(operator), prolong, prolong.T.tocsr()), np.argwhere(taken)


def _without_weak(
    operator: csr_array[np.float64], blocks: NDArray[np.int64], factor: NDArray[np.int64]
) -> csr_array[np.float64]:
    """Return `operator` without its couplings along axes that are not coarsened, added to the diagonal instead."""
    weak = blocks[:, (factor == 1) & (np.ptp(blocks, axis=0) > 0)]
    if weak.shape[1] == 0:
        return operator
    rows = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr))
    dropped = (weak[rows] != weak[operator.indices]).any(axis=1)
    columns = np.where(dropped, rows, operator.indices)
    return csr_array((operator.data, (rows, columns)), shape=operator.shape)


def _damping(operator: csr_array[np.float64]) -> Vector:
    """Return the inverse diagonal times the damping of Jacobi steps, (N,).

    The spectral radius is bounded by the largest absolute row sum (Gershgorin), so the steps always contract.
    """
    diagonal = operator.diagonal()
    rows = abs(operator).sum(axis=1) / diagonal
    damping: Vector = _SMOOTHING / (rows.max() * diagonal)
    return damping
