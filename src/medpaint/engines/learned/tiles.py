"""The overlapping windows that a network sees in turn, and how their outputs are blended."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["tile_weights", "tiles"]

_OVERLAP: Final = 0.4
"""Smallest share of a window that it has in common with the next one."""

_WIDTH: Final = 0.125
"""Standard deviation of the weights, in edges of a window."""

_LEAST: Final = 1e-3
"""Smallest weight."""


def tiles(shape: tuple[int, ...], edge: int) -> list[tuple[slice, ...]]:
    """Return windows that cover a grid, in the order of their first voxels; the last along an axis ends with it.

    Args:
        shape: of the grid, at least `edge` along each axis.
        edge: of a window, in voxels.
    """
    step = round(edge * (1.0 - _OVERLAP))
    starts = [[*range(0, size - edge, step), size - edge] for size in shape]
    return [tuple(slice(start, start + edge) for start in corner) for corner in product(*starts)]


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
