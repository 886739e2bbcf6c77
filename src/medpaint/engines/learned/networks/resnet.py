"""A residual network that keeps full resolution, so that detail from adjacent slices is preserved."""

from __future__ import annotations

from itertools import pairwise
from typing import final

from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork
from medpaint.engines.learned.networks.parts import Parts

__all__ = ["CorrectionResNet"]


@final
class CorrectionResNet(CorrectionNetwork):
    """Predicts what to add to a first fill, by residual units at full resolution.

    It has no normalisation, because absolute intensities matter. Each unit starts as the identity. After the
    super-resolution network of Lim et al., CVPR Workshops 2017, 136-144.

    Args:
        architecture: its number of channels per unit.
        parts: what it is built of.
    """

    def __init__(self, architecture: Architecture, parts: Parts) -> None:
        super().__init__(architecture)
        ndim, channels = architecture.ndim, architecture.channels
        self.begin = parts.convolution(ndim, architecture.inputs, channels[0], active=False)
        units = [
            parts.residual_unit(ndim, before, after, architecture.units)
            for before, after in pairwise((channels[0], *channels))
        ]
        self.units = nn.Sequential(*units)
        self.end = parts.convolution(ndim, channels[-1], 1, active=False)
        for last in (*(list(unit.get_submodule("conv").children())[-1] for unit in units), self.end):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first channel of `shown`, (B, C, ...): (B, 1, ...)."""
        correction: Tensor = self.end(self.units(self.begin(shown)))
        return correction
