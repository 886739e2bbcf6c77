"""What each step of a training sees: patches drawn and turned by the step's own random numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import numpy as np
import torch
from torch import Tensor

from medpaint.core.types import FloatArray
from medpaint.engines.learned.start import CHANNELS
from medpaint.training.bank import Bank

__all__ = ["Batch", "batches", "ordered"]

_MIRRORED: Final = 0.5
"""How often a patch is mirrored left to right."""

_TURNED: Final = 0.2
"""How often it is turned any way, so that a network copes with scans whose orientation is wrong."""

_INVERTED: Final = 0.1
"""How often dark and bright are exchanged: the first fill follows the intensities, so this is another contrast."""

_WEAKENED: Final = 0.25
"""How often only a part of what the exemplars added to the smooth fill is left, so that a network copes with first
fills of any quality."""

_ONE_SIDED: Final = 0.1
"""How often the other side is hidden."""

_STRETCHED: Final = (0.75, 1.33)
"""Factors by which intensities are multiplied."""

_SHIFTED: Final = 0.25
"""Standard deviation of what is added to them."""

_AHEAD: Final = 4
"""Batches that are drawn while one is used, each in a thread of its own."""

_START, _SMOOTH, _ACROSS, _HOLE, _ACROSS_HOLE = range(len(CHANNELS))


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

    The next ones are read while the present one is used.

    Args:
        bank: patches.
        seed: decides what is drawn.
        size: patches in a batch.
        first: number of the first step.
        crop: edge in voxels of what is seen of a patch; None: all of it.
        rank: of the process, where several train together.
    """
    with ThreadPoolExecutor(_AHEAD) as pool:
        drawn = (pool.submit(_drawn, bank, (seed, step, rank), size, crop) for step in count(first))
        waiting = deque(islice(drawn, _AHEAD))
        while True:
            ready = waiting.popleft().result()
            waiting.append(next(drawn))
            yield ready


def ordered(bank: Bank, size: int) -> Iterator[tuple[Batch, list[int]]]:
    """Yield all patches of a bank in order, as they are, and the number of the case of each."""
    for first in range(0, len(bank), size):
        numbers = range(first, min(first + size, len(bank)))
        yield (
            _batch([bank.patch(number) for number in numbers]),
            [number // bank.patches for number in numbers],
        )


def _drawn(bank: Bank, seeds: tuple[int, int, int], size: int, crop: int | None) -> Batch:
    """Return random patches, cropped and turned at random."""
    rng = np.random.default_rng(seeds)
    numbers = rng.integers(len(bank), size=size)
    return _batch([_varied(_cropped(bank.patch(int(number)), crop, rng), rng) for number in numbers])


def _cropped(patch: FloatArray, size: int | None, rng: np.random.Generator) -> FloatArray:
    """Return the part of a patch, (C + 1, ...), around a random voxel of its hole."""
    if size is None:
        return patch
    holes = np.argwhere(patch[_hole_channel(len(patch))] > 0.5)
    middle = holes[rng.integers(len(holes))] if len(holes) else np.array(patch.shape[1:]) // 2
    first = np.clip(middle - size // 2, 0, np.maximum(np.array(patch.shape[1:]) - size, 0))
    return patch[(slice(None), *(slice(int(one), int(one) + size) for one in first))]


def _varied(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), in another guise that is as true."""
    return _recoloured(_hidden(_turned(patch, rng), rng), rng)


def _turned(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), mirrored, turned, or as it is."""
    axes = np.arange(1, patch.ndim)
    mirrored, turned = rng.random(2) < (_MIRRORED, _TURNED)
    order, flips = rng.permutation(axes), rng.random(len(axes)) < 0.5
    if turned:
        patch = np.flip(np.transpose(patch, (0, *order)), tuple(axes[flips]))
    elif mirrored:
        patch = np.flip(patch, 1)
    return np.array(patch, order="C")


def _hidden(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), with a weaker first fill, or without the other side, or as it is; in place."""
    by_channel = patch[:-1].reshape(len(CHANNELS), -1, *patch.shape[1:])
    weakened, one_sided = rng.random(2) < (_WEAKENED, _ONE_SIDED)
    if weakened:
        taken = rng.random(dtype=np.float32) * (by_channel[_START] - by_channel[_SMOOTH])
        by_channel[_START] -= taken
        patch[-1] += taken[len(taken) // 2] * by_channel[_HOLE, len(taken) // 2]
    if one_sided:
        by_channel[_ACROSS], by_channel[_ACROSS_HOLE] = 0.0, 1.0
    return patch


def _recoloured(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), of another contrast, brightness, or with dark and bright exchanged; in place.

    The first fill follows such changes of the scan, so input and target stay true to each other.
    """
    factor = rng.uniform(*_STRETCHED) * (-1.0 if rng.random() < _INVERTED else 1.0)
    by_channel = patch[:-1].reshape(len(CHANNELS), -1, *patch.shape[1:])
    for channel in (_START, _SMOOTH, _ACROSS):
        by_channel[channel] *= np.float32(factor)
    patch[-1] *= np.float32(factor)
    shift = np.float32(rng.normal(0.0, _SHIFTED))
    by_channel[_START] += shift
    by_channel[_SMOOTH] += shift
    by_channel[_ACROSS] += shift * (by_channel[_ACROSS] != 0.0)
    return patch


def _hole_channel(count: int) -> int:
    """Return which channel of a patch, target included, is the hole in the slice that is filled."""
    slices = (count - 1) // len(CHANNELS)
    return _HOLE * slices + slices // 2


def _batch(patches: list[FloatArray]) -> Batch:
    """Return patches, (C + 1, ...) each, as a batch."""
    stacked = torch.from_numpy(np.stack(patches))
    middle = _hole_channel(stacked.shape[1])
    return Batch(stacked[:, :-1], stacked[:, -1:], stacked[:, middle : middle + 1])
