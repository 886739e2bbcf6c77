"""Preconditioned conjugate gradients that never return an unconverged solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from medpaint.core.errors import ConvergenceError
from medpaint.core.text import distinct_digits
from medpaint.engines.classical.stencil import Vector

__all__ = ["conjugate_gradients"]

_MOST_STEPS: Final = 2000


def conjugate_gradients(
    apply: Callable[[Vector], Vector],
    target: Vector,
    precondition: Callable[[Vector], Vector],
    *,
    tolerance: float,
    most_steps: int = _MOST_STEPS,
) -> Vector:
    """Solve a symmetric positive definite system.

    Args:
        apply: the operator A, (N,) to (N,).
        target: the right-hand side b, (N,).
        precondition: an approximation of A's inverse, symmetric positive definite and linear.
        tolerance: stop where the norm of b - A x is at most this fraction of the norm of b.
        most_steps: steps after which to give up.

    Returns:
        x, (N,).

    Raises:
        ConvergenceError: the tolerance is not reached, or b is not finite.
    """
    solution = np.zeros_like(target)
    residual = target.copy()
    goal = tolerance * math.sqrt(_dot(target, target))
    if not math.isfinite(goal):
        message = "expected finite known voxels around the mask, got NaN or infinity"
        raise ConvergenceError(message)
    if goal == 0.0:
        return solution
    direction = np.zeros_like(target)
    before = np.inf
    for _ in range(most_steps):
        correction = precondition(residual)
        product = _dot(residual, correction)
        direction *= product / before
        direction += correction
        image = apply(direction)
        step = product / _dot(direction, image)
        solution += step * direction
        residual -= step * image
        before = product
        if math.sqrt(_dot(residual, residual)) <= goal:
            return solution
    left = math.sqrt(_dot(residual, residual)) * tolerance / goal
    reached = distinct_digits(left, tolerance)
    message = f"expected a relative residual of {tolerance:g} within {most_steps} steps, got {reached}"
    raise ConvergenceError(message)


def _dot(first: Vector, second: Vector) -> float:
    """Return the inner product, added up in the same order whatever the number of threads."""
    return float(np.einsum("i,i", first, second))
