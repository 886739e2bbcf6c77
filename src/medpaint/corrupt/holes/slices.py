"""Slices that an acquisition lost."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Mask

__all__ = ["missing_slices", "periodic_slices"]

_MIDDLE: Final = 0.6
"""Share of the volume, around its middle, in which a random gap lies if it fits."""


def missing_slices(
    shape: tuple[int, int, int], *, axis: int, count: int, first: int | None = None, seed: int = 0
) -> Mask:
    """Return a mask of consecutive slices.

    Args:
        shape: size (I, J, K) of the volume.
        axis: axis across which slices are missing, 0 to 2.
        count: how many are missing; at least one slice remains.
        first: index of the first missing one; None draws it in the middle of the volume.
        seed: decides the draw.
    """
    size = shape[axis]
    if not 0 < count < size:
        message = f"expected 1 to {size - 1} missing slices of {size}, got {count}"
        raise ValueError(message)
    if first is None:
        margin = round(size * (1.0 - _MIDDLE) / 2.0)
        highest = size - count
        low, high = min(margin, highest // 2), max(highest - margin, highest // 2)
        first = int(np.random.default_rng(seed).integers(low, high, endpoint=True))
    if not 0 <= first <= size - count:
        message = f"expected a first slice from 0 to {size - count}, got {first}"
        raise ValueError(message)
    mask = np.zeros(shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[first : first + count] = True
    return mask


def periodic_slices(shape: tuple[int, int, int], *, axis: int, period: int, first: int, stop: int) -> Mask:
    """Return a mask of one slice in every `period`.

    Args:
        shape: size (I, J, K) of the volume.
        axis: axis across which slices are missing, 0 to 2.
        period: 2 for every second slice, at least that.
        first: index of the first missing one.
        stop: none is missing from here on.
    """
    if period < 2 or not 0 <= first < stop <= shape[axis]:
        message = (
            f"expected a period from 2 and slices from 0 to {shape[axis]}, got {period} and {first} to {stop}"
        )
        raise ValueError(message)
    mask = np.zeros(shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[first:stop:period] = True
    return mask
