"""A U-Net of gated blocks with a head at full resolution, which predicts what to add to a first fill."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor, nn

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork

__all__ = ["GatedUNet"]

_FEATURES: Final = 8
"""Number of channels from the U-Net to the head."""

_LOWEST: Final = 3
"""Blocks at the lowest level, in multiples of those at the others: they cost least there, and see farthest."""

_CONVOLUTION: Final[dict[int, type[nn.Conv2d | nn.Conv3d]]] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: Final[dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}


@final
class GatedUNet(CorrectionNetwork):
    """Predicts what to add to a first fill.

    Every level is a chain of gated blocks, after NAFNet: Chen et al., Simple baselines for image restoration, ECCV
    2022, LNCS 13667, 17-33. Most of a block is convolutions of one voxel, so a network of as many parameters as
    `CorrectionUNet` costs less; and intensities are normalised over the channels of a voxel, not over a window.
    The first level has half the resolution of the input; a head of two convolutions at full resolution sees the
    U-Net's features and the input. Each block starts as the identity. MONAI has no such block: training and
    restoring use the same class.

    Args:
        architecture: its units are the blocks of each level on the way down; the lowest has three times as many,
            and there is one for each level on the way up.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        ndim, inputs, channels = architecture.ndim, architecture.inputs, architecture.channels
        convolution, transposed, units = _CONVOLUTION[ndim], _TRANSPOSED[ndim], architecture.units
        self.begin = convolution(inputs, channels[0], 2, stride=2)
        self.levels = nn.ModuleList(_chain(ndim, own, units) for own in channels[:-1])
        self.lowest = _chain(ndim, channels[-1], _LOWEST * units)
        self.halving = nn.ModuleList(convolution(*pair, 2, stride=2) for pair in pairwise(channels))
        self.doubling = nn.ModuleList(transposed(after, own, 2, stride=2) for own, after in pairwise(channels))
        self.rising = nn.ModuleList(_chain(ndim, own, 1) for own in channels[:-1])
        self.end = transposed(channels[0], _FEATURES, 2, stride=2)
        self.head = nn.Sequential(
            convolution(_FEATURES + inputs, 2 * _FEATURES, 3, padding=1),
            nn.PReLU(),
            convolution(2 * _FEATURES, 1, 3, padding=1),
        )
        for parameter in self.head[2].parameters():
            nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first channel of `shown`, (B, C, ...): (B, 1, ...)."""
        features: Tensor = self.begin(shown)
        passed: list[Tensor] = []
        for level, halving in zip(self.levels, self.halving, strict=True):
            passed.append(level(features))
            features = halving(passed[-1])
        features = self.lowest(features)
        for doubling, rising, skipped in zip(self.doubling[::-1], self.rising[::-1], passed[::-1], strict=True):
            features = rising(doubling(features) + skipped)
        correction: Tensor = self.head(torch.cat([self.end(features), shown], dim=1))
        return correction


@final
class _GatedBlock(nn.Module):
    """Adds to its input the product of two halves of what it makes of it, twice; (B, C, ...) to (B, C, ...).

    First from each voxel's neighbourhood, with the channels weighted by their means over the window, then from
    each voxel alone. There is no other nonlinearity.
    """

    def __init__(self, ndim: int, channels: int) -> None:
        super().__init__()
        convolution, double = _CONVOLUTION[ndim], 2 * channels
        self.near_norm, self.own_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.widen = convolution(channels, double, 1)
        self.near = convolution(double, double, 3, padding=1, groups=double)
        self.weigh = convolution(channels, channels, 1)
        self.near_out = convolution(channels, channels, 1)
        self.own = convolution(channels, double, 1)
        self.own_out = convolution(channels, channels, 1)
        for last in (self.near_out, self.own_out):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, shown: Tensor) -> Tensor:
        """Return the sum, (B, C, ...)."""
        near = _gated(self.near(self.widen(_by_channel(self.near_norm, shown))))
        weights = self.weigh(near.mean(tuple(range(2, near.ndim)), keepdim=True))
        total = shown + self.near_out(near * weights)
        out: Tensor = total + self.own_out(_gated(self.own(_by_channel(self.own_norm, total))))
        return out


def _chain(ndim: int, channels: int, count: int) -> nn.Sequential:
    """Return blocks one after the other."""
    return nn.Sequential(*(_GatedBlock(ndim, channels) for _ in range(count)))


def _gated(shown: Tensor) -> Tensor:
    """Return the product of the two halves of the channels, (B, 2C, ...) to (B, C, ...)."""
    one, other = shown.chunk(2, dim=1)
    return one * other


def _by_channel(norm: nn.LayerNorm, shown: Tensor) -> Tensor:
    """Normalise over the channels of each voxel, (B, C, ...)."""
    normed: Tensor = norm(shown.movedim(1, -1)).movedim(-1, 1)
    return normed
