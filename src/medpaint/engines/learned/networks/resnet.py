"""A residual network that keeps full resolution, so that detail from adjacent slices is preserved."""

from __future__ import annotations

from itertools import pairwise
from typing import final

from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork

__all__ = ["CorrectionResNet"]


@final
class CorrectionResNet(CorrectionNetwork):
    """Predicts what to add to a first fill, by residual units at full resolution.

    It has no normalisation, because absolute intensities matter. Each unit starts as the identity. After the
    super-resolution network of Lim et al., CVPR Workshops 2017, 136-144; the units are MONAI's.

    Args:
        architecture: its number of channels per unit.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        ndim, channels = architecture.ndim, architecture.channels
        self.begin = Convolution(ndim, architecture.inputs, channels[0], conv_only=True)
        units = [
            ResidualUnit(
                ndim, before, after, subunits=architecture.units, norm=None, act="RELU", last_conv_only=True
            )
            for before, after in pairwise((channels[0], *channels))
        ]
        self.units = nn.Sequential(*units)
        self.end = Convolution(ndim, channels[-1], 1, conv_only=True)
        for last in (*(list(unit.conv.children())[-1] for unit in units), self.end):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first channel of `shown`, (B, C, ...): (B, 1, ...)."""
        correction: Tensor = self.end(self.units(self.begin(shown)))
        return correction
