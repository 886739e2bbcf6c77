"""A residual U-Net with a head at full resolution, which predicts what to add to a first fill."""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork
from medpaint.engines.learned.networks.parts import Parts

__all__ = ["CorrectionUNet"]

_FEATURES: Final = 8
"""Number of channels from the U-Net to the head."""


@final
class CorrectionUNet(CorrectionNetwork):
    """Predicts what to add to a first fill.

    The encoder starts with a stride, so that most of the work is done at half resolution or less; a head of two
    convolutions at full resolution sees the U-Net's features and the input. The U-Net is that of Kerfoot et al.
    (STACOM 2018), LNCS 11395, 371-380.

    Args:
        architecture: numbers of channels and levels.
        parts: what it is built of.
    """

    def __init__(self, architecture: Architecture, parts: Parts) -> None:
        super().__init__(architecture)
        ndim, inputs = architecture.ndim, architecture.inputs
        self.body = parts.unet(architecture, _FEATURES)
        self.head = nn.Sequential(
            parts.convolution(ndim, _FEATURES + inputs, 2 * _FEATURES, active=True),
            parts.convolution(ndim, 2 * _FEATURES, 1, active=False),
        )
        for parameter in self.head[1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first channel of `shown`, (B, C, ...): (B, 1, ...)."""
        features = torch.cat([self.body(shown), shown], dim=1)
        correction: Tensor = self.head(features)
        return correction
