"""The base of the networks that correct a first fill."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from medpaint.engines.learned.networks.names import Blocks

__all__ = ["Architecture", "CorrectionNetwork"]


@dataclass(frozen=True)
class Architecture:
    """What determines the shapes of a network's weights.

    Attributes:
        ndim: number of axes that it convolves along, 2 or 3.
        inputs: number of input channels.
        channels: features at each level of a U-Net, whose levels after the input halve the resolution, or after
            each unit of a network that keeps the resolution.
        units: convolutions in each residual unit, or gated blocks at each level.
        blocks: what its levels are made of.
    """

    ndim: int
    inputs: int
    channels: tuple[int, ...]
    units: int = 2
    blocks: Blocks = "residual"


class CorrectionNetwork(nn.Module):
    """Predicts what to add to the first channel of its input, (B, C, ...) to (B, 1, ...).

    Its last layer starts at zero: an untrained network adds nothing.

    Args:
        architecture: what determines the shapes of its weights.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
