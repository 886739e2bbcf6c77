"""The overlapping windows that a network sees in turn, and how their outputs are blended."""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from medpaint.core.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["tile_weights", "tiles"]

_NEAR: Final = 6
"""Margin of known voxels, on either side, with which a hole is seen by one window."""

_STEP: Final = 0.65
"""Largest distance of a window from the next one, in edges of a window."""

_WIDTH: Final = 0.125
"""Standard deviation of the weights, in edges of a window."""

_LEAST: Final = 1e-3
"""Smallest weight."""


def tiles(hole: Mask, edge: int) -> list[tuple[slice, ...]]:
    """Return windows over a hole and the grid around it, in C order of their first voxels; none without a hole.

    Along an axis where the hole has room in a window, there is one, with the hole in its middle. Along the others,
    windows at even distances cover the grid.

    Args:
        hole: True = fill, on a grid of at least `edge` voxels along each axis.
        edge: of a window, in voxels.
    """
    axes = range(hole.ndim)
    along = [np.asarray(hole.any(axis=tuple(one for one in axes if one != axis))) for axis in axes]
    corners = product(*(_starts(part, edge) for part in along))
    windows = [tuple(slice(start, start + edge) for start in corner) for corner in corners]
    return [window for window in windows if hole[window].any()]


def _starts(hole: Mask, edge: int) -> list[int]:
    """Return the first voxels of windows along an axis; `hole` says where along it there is a hole, (N,)."""
    room = len(hole) - edge
    found = np.flatnonzero(hole)
    if not len(found):
        return []
    first, stop = int(found[0]), int(found[-1]) + 1
    if stop - first + 2 * _NEAR <= edge:
        return [min(max((first + stop - edge) // 2, 0), room)]
    steps = ceil(room / (_STEP * edge))
    return [room * number // max(steps, 1) for number in range(steps + 1)]


def tile_weights(ndim: int, edge: int) -> Tensor:
    """Return the weights of the voxels of a window, (edge, ...): a Gaussian around its middle, above 0 everywhere.

    The same values as those of MONAI's `sliding_window_inference`.

    Args:
        ndim: number of axes of the window.
        edge: of the window, in voxels.
    """
    import torch

    width = edge * _WIDTH
    along = torch.exp(torch.arange(0.5 - edge / 2, edge / 2) ** 2 / (-2 * width**2))
    weights = along
    for _ in range(ndim - 1):
        weights = weights[..., None] * along
    return weights.clamp_min(max(float(weights.min()), _LEAST))
