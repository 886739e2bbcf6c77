"""Linear regression weighted towards the samples most similar to the query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import ssyrk
from scipy.linalg.lapack import sposv

__all__ = ["predicted"]

_BANDWIDTH: Final = 0.5
"""Width of the weights, as a multiple of the lowest decile of the squared distances from the query."""

_DECILE: Final = 0.1
"""The lowest decile as a share."""

_RIDGE: Final = 0.001
"""Penalty on the squared coefficients, in mean variances of the scaled predictors."""

_FADE_MM: Final = 3.0
"""Distance over which the weight of a predictor falls to 1/e."""

_AT_ONCE: Final = 65_536
"""Values that are worked on at a time, so that they stay in the processor's cache."""

Floats = NDArray[np.float32]
"""Intensities with mean 0 and deviation 1, or weights; each use states its shape."""


def predicted(samples: Floats, query: Floats, distance_mm: Floats) -> Floats:
    """Return the prediction for `query`, (N,).

    The normal equations are solved by Cholesky's method.

    Args:
        samples: predictors, then what they predict, (F + N, E); overwritten.
        query: predictors of what is wanted, (F,).
        distance_mm: distance of each predictor from what it predicts, (F,).
    """
    count = len(query)
    scale = np.exp((distance_mm[0] - distance_mm) / np.float32(_FADE_MM))
    inputs, outputs = samples[:count], samples[count:]
    weights = _weights(_distances(inputs, query, scale / scale.sum()))
    mean = _centred(samples, weights)
    gram = ssyrk(1.0, inputs.T, trans=1)  # half of the product with itself, which is all that the solution needs
    gram *= np.multiply.outer(scale, scale).T  # the transpose has the same values, in the Gram matrix's order
    diagonal = np.einsum("ii->i", gram)
    diagonal += _RIDGE * diagonal.mean() + np.float32(1e-9)
    _, step, failed = sposv(gram, -mean[:count] * scale, overwrite_a=True, overwrite_b=True)
    if failed:  # not positive definite, by rounding: nothing can be learned beyond the mean
        return mean[count:]
    expected: Floats = mean[count:] + outputs @ ((step * scale) @ inputs)
    return expected


def _distances(inputs: Floats, query: Floats, shares: Floats) -> Floats:
    """Subtract the query, (F,), from predictors, (F, E), and return their mean squares by shares, (E,)."""
    distances = np.zeros(inputs.shape[1], np.float32)
    for part in _parts(inputs):
        inputs[part] -= query[part, np.newaxis]
        distances += shares[part] @ np.square(inputs[part])
    return distances


def _weights(distances: Floats) -> Floats:
    """Return the weight of each sample, (E,), from its squared distance to the query, (E,); they add up to 1."""
    place = _DECILE * (len(distances) - 1)
    below = int(place)
    low, high = np.partition(distances, [below, below + 1])[below : below + 2]
    width = _BANDWIDTH * (low + (place - below) * (high - low))
    weights = np.exp(-(distances - distances.min()) / max(width, 1e-9))
    shares: Floats = (weights / weights.sum()).astype(np.float32)
    return shares


def _centred(samples: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of samples, (F,); it is subtracted from them, and the rest weighted, (F, E)."""
    mean, roots = np.empty(len(samples), np.float32), np.sqrt(weights)
    for part in _parts(samples):
        mean[part] = samples[part] @ weights
        samples[part] -= mean[part, np.newaxis]
        samples[part] *= roots
    return mean


def _parts(samples: Floats) -> Iterator[slice]:
    """Yield slices of the first axis of samples, (F, E), that are worked on at a time."""
    rows = max(1, _AT_ONCE // samples.shape[1])
    return (slice(first, first + rows) for first in range(0, len(samples), rows))
