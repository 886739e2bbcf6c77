"""The table of networks, for code that must not load torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

__all__ = [
    "MOST_LEVELS",
    "MOST_UNITS",
    "NETWORKS",
    "Blocks",
    "Features",
    "FirstFill",
    "NetworkInfo",
    "NetworkName",
    "WindowEdge",
    "blocks_misfit",
    "window_misfit",
]

NetworkName = Literal["unet3d", "unet2d", "resnet2d"]

FirstFill = Literal["biharmonic", "registered"]
"""What a network for lost slices starts from."""

Blocks = Literal["residual", "gated"]
"""What the levels of a network are made of: residual units of convolutions, or the gated blocks of NAFNet."""

MOST_LEVELS: Final = 64
"""Largest number of levels, or of residual units."""

MOST_UNITS: Final = 16
"""Largest number of convolutions in a residual unit."""

Features: TypeAlias = Annotated[int, Field(ge=1, le=4096)]
"""A number of channels inside a network."""

WindowEdge: TypeAlias = Annotated[int, Field(ge=16, le=512)]
"""Edge in voxels of what a network sees at once."""


@dataclass(frozen=True)
class NetworkInfo:
    """What is known about a network before it is built.

    Attributes:
        ndim: number of axes that it convolves along, 2 or 3.
        slices: number of slices that a 2D network sees at once, with the one to fill in the middle; 1 in 3D.
        for_lost_slices: it fills lost slices only, from a first fill and the known slices on either side; the
            other networks fill any hole from exemplars and, in 2D, the adjacent slices.
    """

    ndim: Literal[2, 3]
    slices: int
    for_lost_slices: bool = False

    @property
    def halves(self) -> bool:
        """Whether each level after the first halves the resolution."""
        return not self.for_lost_slices

    @property
    def reach(self) -> int:
        """Number of slices that it sees on either side of the one to fill."""
        return self.slices // 2


NETWORKS: Final[Mapping[NetworkName, NetworkInfo]] = MappingProxyType(
    {
        "unet3d": NetworkInfo(ndim=3, slices=1),
        "unet2d": NetworkInfo(ndim=2, slices=3),
        "resnet2d": NetworkInfo(ndim=2, slices=11, for_lost_slices=True),
    }
)
"""The networks by name."""


def blocks_misfit(name: NetworkName, blocks: Blocks) -> str:
    """Return what is expected of the blocks of a network; nothing if these fit."""
    return "" if blocks == "residual" or NETWORKS[name].halves else "residual"


def window_misfit(name: NetworkName, levels: int, edge: int, blocks: Blocks = "residual") -> str:
    """Return what is expected of the edge of a network's windows; nothing if this one fits.

    Each level must have two voxels or more, and exactly half of those of the level before it. The lowest level of
    residual units has the resolution of the level before it; that of gated blocks has half of it.
    """
    step = 2 ** (levels if blocks == "gated" else levels - 1)
    if not NETWORKS[name].halves or (edge % step == 0 and edge >= 2 * step):
        return ""
    return f"a multiple of {step}, at least {2 * step}, for {levels} levels"
