"""What each step of a training sees: patches drawn and turned by the step's own random numbers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from medpaint.core.types import FloatArray
from medpaint.engines.conditioning import CHANNELS
from medpaint.training.bank import Bank

__all__ = ["Batch", "batches", "ordered"]

_MIRRORED: Final = 0.5
"""How often a patch is mirrored left to right."""

_TURNED: Final = 0.15
"""How often it is turned any way, so that a network copes with scans whose orientation is wrong."""

_INVERTED: Final = 0.1
"""How often dark and bright are exchanged: the first fill follows the intensities, so this is another contrast."""

_HOLE: Final = CHANNELS.index("hole")


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of a step.

    Attributes:
        shown: input, (B, C, ...).
        missing: what is to be added to the first fill, (B, 1, ...).
        hole: where, in [0, 1], (B, 1, ...).
    """

    shown: Tensor
    missing: Tensor
    hole: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(self.shown.to(device), self.missing.to(device), self.hole.to(device))


def batches(
    bank: Bank, *, seed: int, size: int, first: int, crop: int | None = None, rank: int = 0
) -> Generator[Batch, None, None]:
    """Yield the batches of the steps from `first` on, without end; each depends on its step alone.

    The next one is read while the present one is used.

    Args:
        bank: patches.
        seed: decides what is drawn.
        size: patches in a batch.
        first: number of the first step.
        crop: edge in voxels of what is seen of a patch; None: all of it.
        rank: of the process, where several train together.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_drawn, bank, (seed, first, rank), size, crop)
        step = first
        while True:
            step += 1
            ready, waiting = waiting.result(), pool.submit(_drawn, bank, (seed, step, rank), size, crop)
            yield ready


def ordered(bank: Bank, size: int) -> Iterator[tuple[Batch, list[str]]]:
    """Yield all patches of a bank in order, as they are, and the kind of hole of each."""
    for first in range(0, len(bank), size):
        numbers = range(first, min(first + size, len(bank)))
        yield (
            _batch([bank.patch(number) for number in numbers]),
            [bank.kinds[number // bank.patches] for number in numbers],
        )


def _drawn(bank: Bank, seeds: tuple[int, int, int], size: int, crop: int | None) -> Batch:
    """Return random patches, cropped and turned at random."""
    rng = np.random.default_rng(seeds)
    numbers = rng.integers(len(bank), size=size)
    patches = [bank.patch(int(number)) for number in numbers]
    return _batch([_turned(_cropped(patch, crop, rng), rng) for patch in patches])


def _cropped(patch: FloatArray, size: int | None, rng: np.random.Generator) -> FloatArray:
    """Return the part of a patch, (C + 1, ...), around a random voxel of its hole."""
    if size is None:
        return patch
    holes = np.argwhere(patch[_hole_channel(len(patch))] > 0.5)
    middle = holes[rng.integers(len(holes))] if len(holes) else np.array(patch.shape[1:]) // 2
    first = np.clip(middle - size // 2, 0, np.maximum(np.array(patch.shape[1:]) - size, 0))
    return patch[(slice(None), *(slice(int(one), int(one) + size) for one in first))]


def _turned(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), mirrored, turned, inverted, or as it is."""
    axes = np.arange(1, patch.ndim)
    mirrored, turned, inverted = rng.random(3) < (_MIRRORED, _TURNED, _INVERTED)
    order, flips = rng.permutation(axes), rng.random(len(axes)) < 0.5
    if turned:
        patch = np.flip(np.transpose(patch, (0, *order)), tuple(axes[flips]))
    elif mirrored:
        patch = np.flip(patch, 1)
    if inverted:
        signs = np.where(_are_intensities(len(patch)), -1.0, 1.0).astype(np.float32)
        patch = patch * signs.reshape(-1, *[1] * len(axes))
    return np.ascontiguousarray(patch)


def _hole_channel(count: int) -> int:
    """Return which channel of a patch, target included, is the hole in the slice that is filled."""
    slices = (count - 1) // len(CHANNELS)
    return _HOLE * slices + slices // 2


def _are_intensities(count: int) -> FloatArray:
    """Return which of the channels of a patch, target included, hold intensities."""
    slices = (count - 1) // len(CHANNELS)
    shown = np.repeat(["hole" not in name for name in CHANNELS], slices)
    return np.append(shown, True)


def _batch(patches: list[FloatArray]) -> Batch:
    """Return patches, (C + 1, ...) each, as a batch."""
    stacked = torch.from_numpy(np.stack(patches))
    middle = _hole_channel(stacked.shape[1])
    return Batch(stacked[:, :-1], stacked[:, -1:], stacked[:, middle : middle + 1])
