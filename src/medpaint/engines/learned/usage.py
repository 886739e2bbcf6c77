"""How a network is used: what it sees of a first fill, at which voxel size, and window by window or whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from medpaint.core.types import FloatArray
from medpaint.engines.learned.networks.names import NetworkInfo
from medpaint.engines.learned.resampling import WORKING_MM
from medpaint.engines.learned.start import CHANNELS, Shown

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Channel", "Inputs", "Runnable", "Usage"]

Channel: TypeAlias = Literal[
    "start", "smooth", "other side", "hole", "other side's hole", "mask", "known", "voided"
]
"""What an input channel of a network can hold: those of `CHANNELS`, and three that follow from them."""

_INTENSITIES: Final = ("start", "smooth", "other side", "voided")


@dataclass(frozen=True)
class Inputs:
    """The input channels of a network.

    Attributes:
        names: what they hold, in their order.
        hole_value: scaled intensity of the channel ``voided`` in the holes.
        clip: smallest and largest scaled intensity that the network sees; None: any.
    """

    names: tuple[Channel, ...] = CHANNELS
    hole_value: float = 0.0
    clip: tuple[float, float] | None = None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The channels of a `Start` that they follow from: always its ``start`` and ``hole``."""
        return tuple(one for one in CHANNELS if one in {"start", "hole", *self.names})

    @property
    def count(self) -> int:
        """Number of channels for each slice of the input, with those that `stacked` appends."""
        return len(self.names) + (0 if self._are_shown else 2)

    @property
    def hole_at(self) -> int:
        """Index of the channel that marks the holes, among `count`."""
        return CHANNELS.index("hole") if self._are_shown else len(self.names)

    @property
    def start_at(self) -> int:
        """Index of the channel with the first fill, among `count`."""
        return CHANNELS.index("start") if self._are_shown else len(self.names) + 1

    def stacked(self, shown: FloatArray) -> FloatArray:
        """Return the network's input, (count, I, J, K).

        Behind the network's channels stand the hole and the first fill, unless it has all channels as they are.

        Args:
            shown: the channels of `shown`, at the voxel size that the network sees, (C, I, J, K).
        """
        if self._are_shown:
            return shown
        by_name = dict(zip(self.shown, shown, strict=True))
        masked = by_name["hole"] > 0.0
        by_name["mask"], by_name["known"] = masked.astype(np.float32), (~masked).astype(np.float32)
        by_name["voided"] = np.where(masked, np.float32(self.hole_value), by_name["start"])
        made = [self._clipped(by_name[name]) if name in _INTENSITIES else by_name[name] for name in self.names]
        return np.stack([*made, by_name["hole"], by_name["start"]])

    @property
    def _are_shown(self) -> bool:
        """Whether the network sees all channels of a `Start` as they are."""
        return self.names == CHANNELS and self.clip is None

    def _clipped(self, values: FloatArray) -> FloatArray:
        """Return scaled intensities within the limits."""
        return values if self.clip is None else np.clip(values, *self.clip)


@dataclass(frozen=True)
class Usage:
    """How a network is used.

    Attributes:
        network: its axes and slices.
        inputs: its input channels.
        edge: edge in voxels of the windows that it sees; None: whole planes or crops.
        reach: without windows, how many voxels away a voxel's output depends on others, so that large planes can
            be run in strips; None: they are run whole.
        size_mm: size of the voxels that it sees; None: whatever the scan has.
        image: it fills in the image, as a difference from the first fill, of which nothing is to remain.
    """

    network: NetworkInfo
    inputs: Inputs = Inputs()
    edge: int | None = None
    reach: int | None = None
    size_mm: float | None = WORKING_MM
    image: bool = False


@dataclass(frozen=True, eq=False)
class Runnable:
    """A network that is ready to run.

    Attributes:
        network: on its device, in evaluation mode; (B, C, ...) to (B, 1, ...), what to add to the first fill.
        usage: how it is used.
        sha256: hash of its weights.
        device: where it runs, as torch names it.
    """

    network: nn.Module
    usage: Usage
    sha256: str
    device: str
