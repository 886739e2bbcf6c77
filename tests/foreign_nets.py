"""Small networks that are not medpaint's, for tests of the engine that runs them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "Broken",
    "Constant",
    "Drawing",
    "Erasing",
    "NotANumber",
    "Noting",
    "Pick",
    "Two",
    "Unmade",
    "Wide",
    "function",
]


class Constant(nn.Module):
    """Answers one value everywhere, that of its only weight."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, shown: Tensor) -> Tensor:
        return torch.zeros_like(shown[:, :1]) + self.value


class Pick(Constant):
    """Answers one of its input channels, and its weight in addition."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channel = channel

    def forward(self, shown: Tensor) -> Tensor:
        return shown[:, self.channel : self.channel + 1] + self.value


class Erasing(Constant):
    """Erases its input, and answers its weight."""

    def forward(self, shown: Tensor) -> Tensor:
        return shown.zero_()[:, :1] + self.value


class Noting(Constant):
    """Keeps notes in a module between two steps of a forward pass."""

    def forward(self, shown: Tensor) -> Tensor:
        self.note = shown.mean()
        for _ in range(50):
            shown = torch.tanh(shown)
        return torch.zeros_like(shown[:, :1]) + self.note


class Drawing(Constant):
    """Draws random numbers when it runs."""

    def forward(self, shown: Tensor) -> Tensor:
        return 0.1 * torch.rand_like(shown[:, :1]) + self.value


class Wide(Constant):
    """Answers two channels."""

    def forward(self, shown: Tensor) -> Tensor:
        return torch.cat([super().forward(shown)] * 2, dim=1)


class Two(Constant):
    """Answers two tensors."""

    def forward(self, shown: Tensor) -> Any:
        return super().forward(shown), shown


class NotANumber(Constant):
    """Answers NaN."""

    def forward(self, shown: Tensor) -> Tensor:
        return super().forward(shown) * torch.nan


class Broken(Constant):
    """Fails."""

    def forward(self, shown: Tensor) -> Tensor:
        message = f"no such luck\nwith {shown.shape}"
        raise RuntimeError(message)


class Unmade(nn.Module):
    """Cannot be made."""

    def __init__(self) -> None:
        super().__init__()
        message = "never"
        raise ValueError(message)


def function() -> None:
    """Return nothing; it is not a network."""
