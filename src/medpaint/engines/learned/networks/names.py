"""The networks by name, for what must not load torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["NETWORKS", "NetworkInfo", "NetworkName"]

NetworkName = Literal["unet3d", "unet2d", "resnet2d"]


@dataclass(frozen=True)
class NetworkInfo:
    """What is known of a network before it is built.

    Attributes:
        ndim: axes that it convolves along, 2 or 3.
        slices: slices that a 2D network sees at once, the one that is filled in their middle; 1 in space.
        for_lost_slices: it fills those alone, from the smooth fill and the known slices beside them; the others
            fill any hole from exemplars and, in 2D, the slices next to each.
    """

    ndim: Literal[2, 3]
    slices: int
    for_lost_slices: bool = False

    @property
    def reach(self) -> int:
        """Slices that it sees on either side of the one that is filled."""
        return self.slices // 2


NETWORKS: Final[Mapping[NetworkName, NetworkInfo]] = MappingProxyType(
    {
        "unet3d": NetworkInfo(ndim=3, slices=1),
        "unet2d": NetworkInfo(ndim=2, slices=3),
        "resnet2d": NetworkInfo(ndim=2, slices=11, for_lost_slices=True),
    }
)
"""What there is to know."""
