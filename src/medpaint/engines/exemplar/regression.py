"""Linear regression weighted towards the samples most similar to the query."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import ssyrk
from scipy.linalg.lapack import sposv

__all__ = ["predicted"]

_BANDWIDTH: Final = 0.5
"""Width of the weights, as a multiple of the lowest decile of the squared distances from the query."""

_RIDGE: Final = 0.001
"""Penalty on the squared coefficients, in mean variances of the scaled predictors."""

_FADE_MM: Final = 3.0
"""Distance over which the weight of a predictor falls to 1/e."""

Floats = NDArray[np.float32]
"""Intensities with mean 0 and deviation 1, or weights; each use states its shape."""


def predicted(samples: Floats, query: Floats, distance_mm: Floats) -> Floats:
    """Return the prediction for `query`, (N,).

    The normal equations are solved by Cholesky's method.

    Args:
        samples: predictors, then what they predict, (E, F + N); overwritten.
        query: predictors of what is wanted, (F,).
        distance_mm: distance of each predictor from what it predicts, (F,).
    """
    count = len(query)
    scale = np.exp((distance_mm[0] - distance_mm) / np.float32(_FADE_MM))
    samples[:, :count] -= query
    weights = _weights(samples[:, :count], scale)
    mean = weights @ samples
    samples -= mean
    samples *= np.sqrt(weights)[:, np.newaxis]
    inputs = samples[:, :count] * scale
    gram = ssyrk(1.0, inputs.T)  # half of the product with itself, which is all that the solution needs
    gram[np.diag_indices_from(gram)] += _RIDGE * np.trace(gram) / count + np.float32(1e-9)
    _, step, failed = sposv(gram, -mean[:count] * scale, overwrite_a=True, overwrite_b=True)
    if failed:  # not positive definite, by rounding: nothing can be learned beyond the mean
        return mean[count:]
    expected: Floats = mean[count:] + (inputs @ step) @ samples[:, count:]
    return expected


def _weights(differences: Floats, scale: Floats) -> Floats:
    """Return the weight of each sample, (E,), from its differences to the query, (E, F); they add up to 1."""
    distance = np.square(differences) @ (scale / scale.sum())
    width = _BANDWIDTH * np.quantile(distance, 0.1)
    weights = np.exp(-(distance - distance.min()) / max(width, 1e-9))
    shares: Floats = (weights / weights.sum()).astype(np.float32)
    return shares
