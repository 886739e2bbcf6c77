"""Blocks of a hole for the exemplar engine: their size, and how much each is learned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Mask, Spacing

__all__ = ["LADDERS", "Block", "Detail", "Pace", "divided"]

Pace = Literal["thorough", "brisk", "quick"]
"""Whether accuracy or speed comes first; ``quick`` is for the many pairs of a training."""

Block = NDArray[np.int64]
"""Voxel indices in a crop, (N, 3)."""

_LONGEST_EDGE: Final = 8
"""Edge of a block in voxels, at most."""


@dataclass(frozen=True)
class Detail:
    """How finely a hole is divided, and how much each block is learned from.

    Attributes:
        edge_mm: edge of the blocks that are predicted together.
        divisions: how many divisions of the hole into blocks are averaged, 1 or 2.
        most: largest number of blocks for which this is used.
        surroundings: known voxels around a block from which it is predicted, in 3D.
        drawn: places of a view that are examined.
        kept: places that are learned from.
        block_s: seconds for a block on two cores, a cautious estimate.
    """

    edge_mm: float
    divisions: int
    most: int
    surroundings: int = 400
    drawn: int = 12_000
    kept: int = 2_500
    block_s: float = 0.012


_leaner = partial(Detail, surroundings=300, drawn=8_000, kept=1_500, block_s=0.007)
_leanest = partial(Detail, surroundings=200, drawn=6_000, kept=1_000, block_s=0.004)

_THIN_MM, _THIN_SLICES = 3.0, 2.0
"""Largest depth of a thin hole: in millimetres, or in multiples of a voxel's longest edge."""

LADDERS: Final[dict[Pace, tuple[Detail, ...]]] = {
    "thorough": (Detail(4.0, 2, 1000), Detail(5.0, 2, 1400), Detail(6.0, 2, 2000), Detail(6.0, 1, 6000)),
    "brisk": (
        Detail(4.0, 2, 130),
        _leaner(4.0, 2, 600),
        _leaner(5.0, 2, 1000),
        _leanest(5.0, 2, 2200),
        _leanest(6.0, 2, 2500),
        _leanest(6.0, 1, 5000),
    ),
    "quick": (
        _leanest(4.0, 2, 150),
        _leanest(6.0, 2, 2500),
        Detail(6.0, 1, 2500, surroundings=150, drawn=5_000, kept=800, block_s=0.003),
    ),
}
"""What is tried at each pace, finest first: the first that divides the hole into few enough blocks is used.
Larger holes are left to the smooth fill."""

_THIN: Final = (*LADDERS["thorough"][:2], Detail(6.0, 2, 2000, block_s=0.008), *LADDERS["brisk"][4:])
"""What is tried for thin holes where speed comes first: lost slices have known tissue so close on both sides that
a thorough search is worth its time. Many of their blocks lie in air and cost nothing."""


def divided(
    mask: Mask, spacing_mm: Spacing, pace: Pace, *, deepest_mm: float
) -> tuple[Detail, list[Block]] | None:
    """Divide a mask, (I, J, K), into blocks, each voxel in one block of every division; None if too many.

    Args:
        mask: True = in a block.
        spacing_mm: voxel size along I, J, K.
        pace: how finely.
        deepest_mm: distance from the deepest voxel of the hole to the nearest known one.
    """
    voxels = np.argwhere(mask)
    is_thin = deepest_mm <= max(_THIN_MM, _THIN_SLICES * max(spacing_mm))
    for detail in _THIN if pace == "brisk" and is_thin else LADDERS[pace]:
        edge = np.clip(np.rint(detail.edge_mm / np.asarray(spacing_mm)), 1, _LONGEST_EDGE).astype(np.int64)
        if len(voxels) > detail.most * edge.prod():
            continue
        blocks = list(_lattice(voxels, edge, np.zeros(3, dtype=np.int64)))
        if detail.divisions > 1 and (edge > 1).any():
            blocks += _lattice(voxels, edge, edge // 2)
        if len(blocks) <= detail.most:
            return detail, blocks
    return None


def _lattice(voxels: Block, edge: NDArray[np.int64], shift: NDArray[np.int64]) -> Iterator[Block]:
    """Yield the voxels of each block of a lattice with `edge`, moved by `shift`, both (3,)."""
    if not len(voxels):
        return
    cells = (voxels - voxels.min(axis=0) + shift) // edge
    number = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
    order = np.argsort(number, kind="stable")
    yield from np.split(voxels[order], np.flatnonzero(np.diff(number[order])) + 1)
