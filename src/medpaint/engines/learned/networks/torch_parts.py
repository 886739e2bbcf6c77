"""The parts of the networks made of torch alone, for restoring.

Submodules have the names that MONAI gives them (`conv`, `adn`, `A` and `N`), so that both makers read the same
files of weights.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Final, TypeAlias, final

import torch
from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture

__all__ = ["TorchParts"]

_Convolution: TypeAlias = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d

_CONVOLUTION: Final[dict[int, type[nn.Conv2d | nn.Conv3d]]] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: Final[dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
_NORM: Final = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


@final
class TorchParts:
    """Makes the parts of torch alone; see `Parts`."""

    def convolution(self, ndim: int, before: int, after: int, *, active: bool) -> nn.Module:
        """Return a convolution; see `Parts`."""
        return _named(conv=_convolution(ndim, before, after), adn=_named(A=nn.PReLU()) if active else None)

    def residual_unit(self, ndim: int, before: int, after: int, convolutions: int) -> nn.Module:
        """Return a residual unit; see `Parts`."""
        counts = (before, *(after,) * convolutions)
        steps = [
            _named(
                conv=_convolution(ndim, *pair),
                adn=_named(A=nn.ReLU(inplace=True)) if number < convolutions else None,
            )
            for number, pair in enumerate(pairwise(counts), 1)
        ]
        return _ResidualUnit(steps, _shortcut(ndim, before, after, stride=1))

    def unet(self, architecture: Architecture, outputs: int) -> nn.Module:
        """Return a U-Net; see `Parts`."""
        return _named(model=_level(architecture, architecture.inputs, outputs, 0))


@final
class _ResidualUnit(nn.Module):
    """Adds its input, or a convolution of it where the shape differs, to the output of convolutions."""

    def __init__(self, steps: list[nn.Sequential], shortcut: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Sequential(OrderedDict((f"unit{number}", step) for number, step in enumerate(steps)))
        self.residual = shortcut

    def forward(self, shown: Tensor) -> Tensor:
        """Return the sum, (B, before, ...) to (B, after, ...)."""
        shortcut = self.residual(shown)
        total: Tensor = self.conv(shown)
        total += shortcut  # in place: a copy is as large as all that the convolution writes
        return total


@final
class _Skip(nn.Module):
    """Appends what a part makes of its input to that input, along the channels."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.submodule = part

    def forward(self, shown: Tensor) -> Tensor:
        """Return the input and the output together, (B, C, ...)."""
        return torch.cat([shown, self.submodule(shown)], dim=1)


def _level(architecture: Architecture, inputs: int, outputs: int, number: int) -> nn.Sequential:
    """Return a level of a U-Net with all levels below it: halving, what lies below, doubling."""
    ndim, units = architecture.ndim, architecture.units
    own, below, *deeper = architecture.channels[number:]
    if deeper:
        inner: nn.Module = _level(architecture, own, own, number + 1)
        joined = 2 * own
    else:
        inner, joined = _normalised_unit(ndim, own, below, units, stride=1), own + below
    down = _normalised_unit(ndim, inputs, own, units, stride=2)
    doubling = _TRANSPOSED[ndim](joined, outputs, 3, stride=2, padding=1, output_padding=1)
    last = _convolution(ndim, outputs, outputs)
    step = _normalised(ndim, last) if number else _named(conv=last)
    up = nn.Sequential(_normalised(ndim, doubling), _ResidualUnit([step], nn.Identity()))
    return nn.Sequential(down, _Skip(inner), up)


def _normalised_unit(ndim: int, before: int, after: int, convolutions: int, *, stride: int) -> _ResidualUnit:
    """Return a residual unit of a U-Net, whose first convolution has the stride."""
    counts = (before, *(after,) * convolutions)
    strides = (stride, *(1,) * (convolutions - 1))
    steps = [
        _normalised(ndim, _convolution(ndim, *pair, stride=own))
        for pair, own in zip(pairwise(counts), strides, strict=True)
    ]
    return _ResidualUnit(steps, _shortcut(ndim, before, after, stride=stride))


def _normalised(ndim: int, convolution: _Convolution) -> nn.Sequential:
    """Return a convolution followed by normalisation and a PReLU."""
    norm = _NORM[ndim](convolution.out_channels)
    return _named(conv=convolution, adn=_named(N=norm, A=nn.PReLU()))


def _convolution(ndim: int, before: int, after: int, *, stride: int = 1) -> _Convolution:
    """Return a convolution three voxels wide that keeps the shape, or divides it by the stride."""
    return _CONVOLUTION[ndim](before, after, 3, stride=stride, padding=1)


def _shortcut(ndim: int, before: int, after: int, *, stride: int) -> nn.Module:
    """Return what makes the input of a residual unit as large as its output."""
    if stride != 1:
        return _convolution(ndim, before, after, stride=stride)
    return nn.Identity() if before == after else _CONVOLUTION[ndim](before, after, 1)


def _named(**parts: nn.Module | None) -> nn.Sequential:
    """Return a sequence of parts by name, without those that are None."""
    return nn.Sequential(OrderedDict((name, part) for name, part in parts.items() if part is not None))
