"""The slices next to one to be filled that a slice-wise network sees."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.foreground import threshold_of
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.learned.start import CHANNELS

__all__ = ["beside_gap", "beside_hole", "body_in"]

_MARGIN_MM: Final = 10.0
"""What a network for lost slices sees around the body."""

_HOLE: Final = CHANNELS.index("hole")

_UNIT: Final = 8
"""Number of slices that networks for lost slices measure distances in."""


def beside_hole(channels: FloatArray, number: int, reach: int) -> FloatArray:
    """Return a slice between those on either side, (C, 2 reach + 1, J, K); at an end, the last one is repeated.

    Args:
        channels: the input from `Start.shown`, slices first, (C, S, J, K).
        number: index of the slice.
        reach: slices on either side.
    """
    return channels[:, np.clip(np.arange(number - reach, number + reach + 1), 0, channels.shape[1] - 1)]


def beside_gap(channels: FloatArray, number: int, reach: int) -> FloatArray:
    """Return a lost slice between the known ones that are nearest, (C, 2 reach + 1, J, K).

    The nearer side comes first. The hole channel gives the distance of each known slice from the lost one, in
    units of eight slices. Where a side has too few known slices, its last one is repeated.

    Args:
        channels: the input from `Start.shown`, slices first, (C, S, J, K).
        number: index of the lost slice.
        reach: known slices on either side.
    """
    known = np.flatnonzero(~channels[_HOLE].any(axis=(1, 2)))
    sides = known[known < number][::-1], known[known > number]
    near, far = sorted((_first(side, reach) for side in sides), key=lambda side: abs(int(side[0]) - number))
    order = np.concatenate([near[::-1], [number], far])
    seen = channels[:, order]
    seen[_HOLE] = (np.abs(order - number) / _UNIT)[:, np.newaxis, np.newaxis]
    seen[_HOLE, reach] = channels[_HOLE, number]
    return seen


def body_in(values: FloatArray, known: Mask, spacing_mm: Spacing, axis: int | None) -> Window:
    """Return the part of a crop that has the body, with a margin; all slices along an axis.

    Args:
        values: intensities, filled where unknown, (I, J, K).
        known: True where they are measured, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        axis: the one that numbers the slices; None for none.
    """
    threshold = threshold_of(values[known])
    whole: Window = (slice(0, values.shape[0]), slice(0, values.shape[1]), slice(0, values.shape[2]))
    i, j, k = (ceil(_MARGIN_MM / size) for size in spacing_mm)
    body = list(grown(bounding_box(values > threshold) or whole, (i, j, k), values.shape))
    if axis is not None:
        body[axis] = whole[axis]
    return body[0], body[1], body[2]


def _first(side: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Return the first `reach` slices of a side, the last one repeated if there are fewer, (reach,)."""
    return side[np.minimum(np.arange(reach), len(side) - 1)]
