"""What the networks that correct a first fill have in common."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

__all__ = ["Architecture", "CorrectionNetwork"]


@dataclass(frozen=True)
class Architecture:
    """What decides the shape of a network's weights.

    Attributes:
        ndim: axes that it convolves along, 2 or 3.
        inputs: channels of its input.
        channels: features at each level of a U-Net, whose levels after the input halve the resolution, or after
            each unit of a network that keeps the resolution.
        units: convolutions in each residual unit.
    """

    ndim: int
    inputs: int
    channels: tuple[int, ...]
    units: int = 2


class CorrectionNetwork(nn.Module):
    """Says what to add to the first channel of its input, (B, C, ...): (B, 1, ...).

    Its last layer starts at zero: an untrained network adds nothing.

    Args:
        architecture: what decides its shape.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
