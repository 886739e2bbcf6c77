"""The parts of the networks as MONAI makes them, for training."""

from __future__ import annotations

from typing import final

from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from monai.networks.nets.unet import UNet
from torch import nn

from medpaint.engines.learned.networks.base import Architecture

__all__ = ["MonaiParts"]


@final
class MonaiParts:
    """Makes MONAI's parts; see `Parts`. The U-Net is after Kerfoot et al. (STACOM 2018), LNCS 11395, 371-380."""

    def convolution(self, ndim: int, before: int, after: int, *, active: bool) -> nn.Module:
        """Return a convolution; see `Parts`."""
        made: nn.Module = Convolution(ndim, before, after, norm=None, conv_only=not active)
        return made

    def residual_unit(self, ndim: int, before: int, after: int, convolutions: int) -> nn.Module:
        """Return a residual unit; see `Parts`."""
        made: nn.Module = ResidualUnit(
            ndim, before, after, subunits=convolutions, norm=None, act="RELU", last_conv_only=True
        )
        return made

    def unet(self, architecture: Architecture, outputs: int) -> nn.Module:
        """Return a U-Net; see `Parts`."""
        made: nn.Module = UNet(
            spatial_dims=architecture.ndim,
            in_channels=architecture.inputs,
            out_channels=outputs,
            channels=architecture.channels,
            strides=(2,) * (len(architecture.channels) - 1),
            num_res_units=architecture.units,
            norm="INSTANCE",
        )
        return made
