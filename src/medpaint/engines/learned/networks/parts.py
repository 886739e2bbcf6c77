"""What the networks are built of, as a contract."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from medpaint.engines.learned.networks.base import Architecture

__all__ = ["Parts"]


class Parts(Protocol):
    """Makes the parts of a network.

    There are two makers, whose parts have the same parameter names and the same outputs bit for bit. Training uses
    MONAI's parts, which are widely tested. Restoring uses the same parts made of torch alone, because importing
    MONAI takes longer than most restorations.
    """

    def convolution(self, ndim: int, before: int, after: int, *, active: bool) -> nn.Module:
        """Return a convolution three voxels wide, (B, before, ...) to (B, after, ...).

        Args:
            ndim: number of axes that it convolves along.
            before: number of input channels.
            after: number of output channels.
            active: whether a PReLU follows.
        """
        ...

    def residual_unit(self, ndim: int, before: int, after: int, convolutions: int) -> nn.Module:
        """Return a residual unit with ReLUs between its convolutions, without normalisation.

        Its attribute `conv` is the sequence of the convolutions.

        Args:
            ndim: number of axes that it convolves along.
            before: number of input channels.
            after: number of output channels.
            convolutions: number of convolutions.
        """
        ...

    def unet(self, architecture: Architecture, outputs: int) -> nn.Module:
        """Return a residual U-Net, (B, inputs, ...) to (B, outputs, ...).

        Args:
            architecture: numbers of channels and levels.
            outputs: number of output channels.
        """
        ...
