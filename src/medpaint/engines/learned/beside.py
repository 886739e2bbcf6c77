"""The known slices next to a lost one that the network for lost slices sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray
from medpaint.engines.gaps import MOST_LOST
from medpaint.engines.learned.start import CHANNELS

__all__ = ["beside_gap"]

_HOLE: Final = CHANNELS.index("hole")


def beside_gap(channels: FloatArray, number: int, reach: int) -> FloatArray:
    """Return a lost slice between the known ones that are nearest, (C, 2 reach + 1, J, K).

    The nearer side comes first. The hole channel gives the distance of each known slice from the lost one, in
    units of `MOST_LOST` slices. Where a side has too few known slices, its last one is repeated.

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
    seen[_HOLE] = (np.abs(order - number) / MOST_LOST)[:, np.newaxis, np.newaxis]
    seen[_HOLE, reach] = channels[_HOLE, number]
    return seen


def _first(side: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Return the first `reach` slices of a side, the last one repeated if there are fewer, (reach,)."""
    return side[np.minimum(np.arange(reach), len(side) - 1)]
