"""Weights of several predictions that together come closest to the truth."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["shares_of"]

_NEGATIVE: Final = -1e-9
"""Below this a weight is negative, not rounding error."""

_Matrix = NDArray[np.float64]


def shares_of(misses: _Matrix, independent: int) -> _Matrix:
    """Return the weights, none negative, that add up to 1 and make the weighted mean of the misses least, (P,).

    The weights minimise the mean squared error, in multiples of the smallest one, plus a penalty on their distance
    from the first prediction alone: the fewer errors are independent of each other, the less is learned from them.
    With so few predictions every set of those with a weight can be tried.

    After the stacked regressions of Breiman, Machine Learning 24 (1996), 49-64.

    Args:
        misses: predicted less true values, (P, N), P of at most a handful.
        independent: how many of the N are independent of each other.
    """
    count = len(misses)
    first: _Matrix = np.eye(count)[0]
    products = np.einsum("pn,qn->pq", misses, misses)  # BLAS would add up in an order that depends on threads
    whole = np.trace(products)
    if not whole > 0.0:
        return first
    products /= whole
    trust = float(products.diagonal().min()) / max(1, independent)
    penalised = products + trust * np.eye(count)
    best: float = np.inf
    found = first
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            weights = _solved(penalised, trust * first, list(chosen))
            cost = float(weights @ penalised @ weights - 2.0 * trust * weights[0])
            if weights.min() >= _NEGATIVE and cost < best:
                best, found = cost, np.maximum(weights, 0.0)
    return found


def _solved(penalised: _Matrix, pull: _Matrix, chosen: list[int]) -> _Matrix:
    """Return the weights of the chosen predictions, adding up to 1, for which the cost is least; 0 elsewhere."""
    size = len(chosen)
    system, target = np.zeros((size + 1, size + 1)), np.ones(size + 1)
    system[:size, :size] = penalised[np.ix_(chosen, chosen)]
    system[:size, size] = system[size, :size] = 1.0
    target[:size] = pull[chosen]
    weights = np.zeros(len(pull))
    weights[chosen] = np.linalg.lstsq(system, target, rcond=None)[0][:size]
    return weights
