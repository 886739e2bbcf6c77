"""What a slice should be like, from the slices on both sides of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask

__all__ = ["FARTHEST", "bridged", "predicted", "quantiles"]

LONGEST_RUN: Final = 6
"""Up to so many damaged slices in a row stand out from those on both sides."""

FARTHEST: Final = 4
"""The largest distance of a pair of slices whose mean predicts the one between them."""


def predicted(stack: FloatArray) -> FloatArray:
    """Return what each slice of a stack should be like, (S, H, W); NaN for the first and the last.

    The mean of two slices at one distance on either side follows a linear change of the anatomy. Of such means
    at up to four distances the upper median is taken, so that neither damaged neighbours nor one far pair decide.

    Args:
        stack: slices, or measures of slices on a grid, (S, H, W).
    """
    count = len(stack)
    means = np.full((FARTHEST, *stack.shape), np.nan, np.float32)
    for lag, mean in enumerate(means, start=1):
        if count > 2 * lag:
            mean[lag : count - lag] = (stack[: -2 * lag] + stack[2 * lag :]) * np.float32(0.5)
    means.sort(axis=0)  # NaN, where there is no pair, comes last
    index = np.arange(count)
    pairs = np.minimum(np.minimum(index, count - 1 - index), FARTHEST)
    upper: FloatArray = means[np.minimum(pairs // 2, FARTHEST - 1), index]
    return upper


def bridged(
    stack: FloatArray, longest: int = LONGEST_RUN
) -> Iterator[tuple[slice, slice, list[tuple[slice, FloatArray]]]]:
    """Yield, for runs of each length, what their slices should be like by the slice before and the one after.

    Args:
        stack: slices, or measures of slices on a grid, (S, H, W).
        longest: number of slices in the longest runs.

    Yields:
        Which slices come before and after the R runs of one length, and for each place in a run which slices those
        are and the linear interpolation, (R, H, W).
    """
    count = len(stack)
    for length in range(1, min(longest, count - 2) + 1):
        before, after = slice(0, count - length - 1), slice(length + 1, count)
        places = []
        for place in range(1, length + 1):
            weight = np.float32(place / (length + 1))
            inner = slice(place, count - length - 1 + place)
            places.append((inner, stack[before] * (1 - weight) + stack[after] * weight))
        yield before, after, places


def quantiles(values: FloatArray, valid: Mask, shares: tuple[float, ...]) -> list[FloatArray]:
    """Return quantiles of the valid values of each slice, (S,) each; NaN where none is valid.

    Args:
        values: (S, H, W).
        valid: which of them count, (S, H, W).
        shares: which quantiles, from 0 to 1.
    """
    count, voxels = len(values), values[:1].size
    if not count or not voxels:
        return [np.full(count, np.nan) for _ in shares]
    ordered = np.sort(np.where(valid, values, np.inf).reshape(count, voxels), axis=1)
    counts = np.count_nonzero(valid, axis=(1, 2))
    found = []
    for share in shares:
        place = np.rint((np.maximum(counts, 1) - 1) * share).astype(np.intp)
        found.append(np.where(counts > 0, ordered[np.arange(count), place], np.nan))
    return found
