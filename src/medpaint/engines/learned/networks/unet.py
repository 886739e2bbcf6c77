"""A residual U-Net with a head at full resolution, which predicts what to add to a first fill."""

from __future__ import annotations

from typing import Final, final

import torch
from monai.networks.blocks.convolutions import Convolution
from monai.networks.nets.unet import UNet
from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork

__all__ = ["CorrectionUNet"]

_FEATURES: Final = 8
"""Number of channels from the U-Net to the head."""


@final
class CorrectionUNet(CorrectionNetwork):
    """Predicts what to add to a first fill.

    The encoder starts with a stride, so that most of the work is done at half resolution or less; a head of two
    convolutions at full resolution sees the U-Net's features and the input. The U-Net is MONAI's, after Kerfoot
    et al. (STACOM 2018), LNCS 11395, 371-380.

    Args:
        architecture: numbers of channels and levels.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.body = UNet(
            spatial_dims=architecture.ndim,
            in_channels=architecture.inputs,
            out_channels=_FEATURES,
            channels=architecture.channels,
            strides=(2,) * (len(architecture.channels) - 1),
            num_res_units=architecture.units,
            norm="INSTANCE",
        )
        self.head = nn.Sequential(
            Convolution(architecture.ndim, _FEATURES + architecture.inputs, 2 * _FEATURES, norm=None),
            Convolution(architecture.ndim, 2 * _FEATURES, 1, conv_only=True),
        )
        for parameter in self.head[1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first channel of `shown`, (B, C, ...): (B, 1, ...)."""
        features = torch.cat([self.body(shown), shown], dim=1)
        correction: Tensor = self.head(features)
        return correction
