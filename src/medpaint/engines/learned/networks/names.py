"""The table of networks, for code that must not load torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["NETWORKS", "NetworkInfo", "NetworkName"]

NetworkName = Literal["unet3d", "unet2d", "resnet2d"]


@dataclass(frozen=True)
class NetworkInfo:
    """What is known about a network before it is built.

    Attributes:
        ndim: number of axes that it convolves along, 2 or 3.
        slices: number of slices that a 2D network sees at once, with the one to fill in the middle; 1 in 3D.
        for_lost_slices: it fills lost slices only, from the smooth fill and the known slices on either side; the
            other networks fill any hole from exemplars and, in 2D, the adjacent slices.
    """

    ndim: Literal[2, 3]
    slices: int
    for_lost_slices: bool = False

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
