"""A residual U-Net with a head at full resolution, which says what to add to a first fill."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, final

import torch
from monai.networks.blocks.convolutions import Convolution
from monai.networks.nets.unet import UNet
from torch import Tensor, nn

__all__ = ["Architecture", "CorrectionUNet"]

_FEATURES: Final = 8
"""Channels that the U-Net hands to the head."""


@dataclass(frozen=True)
class Architecture:
    """What decides the shape of a network's weights.

    Attributes:
        ndim: axes that it convolves along, 2 or 3.
        inputs: channels of its input.
        channels: features at each level; each level after the input halves the resolution.
        units: convolutions in each residual unit.
    """

    ndim: int
    inputs: int
    channels: tuple[int, ...]
    units: int = 2

    @property
    def step(self) -> int:
        """Voxels by which the sizes of its input have to be divisible."""
        return int(2 ** (len(self.channels) - 1))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


@final
class CorrectionUNet(nn.Module):
    """Says what to add to a first fill.

    The encoder begins with a stride, so that most of the work is done at half resolution or less; a head of two
    convolutions at full resolution sees the U-Net's features and the input. The last layer starts at zero: an
    untrained network adds nothing. The U-Net is MONAI's, after Kerfoot et al. (STACOM 2018), LNCS 11395, 371-380.

    Args:
        architecture: numbers of channels and levels.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
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
