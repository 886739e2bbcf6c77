"""Batches for the training steps: patches drawn and augmented by the step's own random numbers."""

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
"""Probability that a patch is mirrored left to right."""

_TURNED: Final = 0.2
"""Probability of an arbitrary rotation or reflection, so that a network copes with scans of wrong orientation."""

_INVERTED: Final = 0.1
"""Probability that dark and bright are swapped: the first fill follows, so this is another contrast."""

_WEAKENED: Final = 0.25
"""Probability that only part of what exemplars added to the smooth fill is kept, so that a network copes with
first fills of any quality."""

_ONE_SIDED: Final = 0.1
"""Probability that the other side is hidden."""

_STRETCHED: Final = (0.75, 1.33)
"""Range of the factor on intensities."""

_SHIFTED: Final = 0.25
"""Standard deviation of the offset added to them."""

_AHEAD: Final = 4
"""Number of batches prepared ahead, each in its own thread."""

_START, _SMOOTH, _ACROSS, _HOLE, _ACROSS_HOLE = range(len(CHANNELS))


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of one step.

    Attributes:
        shown: input, (B, C, ...).
        missing: target, what is to be added to the first fill, (B, 1, ...).
        hole: weight of each voxel in the hole, in [0, 1], (B, 1, ...).
    """

    shown: Tensor
    missing: Tensor
    hole: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        return Batch(self.shown.to(device), self.missing.to(device), self.hole.to(device))


def batches(
    bank: Bank, *, seed: int, size: int, first: int, crop: int | None = None, rank: int = 0
) -> Generator[Batch, None, None]:
    """Yield batches from step `first` on, endlessly; each depends on its step alone.

    The next batches are read while the current one is in use.

    Args:
        bank: patches.
        seed: determines what is drawn.
        size: number of patches in a batch.
        first: number of the first step.
        crop: edge in voxels of the part of a patch that is used; None uses all of it.
        rank: rank of the process, where several train together.
    """
    with ThreadPoolExecutor(_AHEAD) as pool:
        drawn = (pool.submit(_drawn, bank, (seed, step, rank), size, crop) for step in count(first))
        waiting = deque(islice(drawn, _AHEAD))
        while True:
            ready = waiting.popleft().result()
            waiting.append(next(drawn))
            yield ready


def ordered(bank: Bank, size: int) -> Iterator[tuple[Batch, list[int]]]:
    """Yield all patches of a bank in order, without augmentation, and the case number of each."""
    for first in range(0, len(bank), size):
        numbers = range(first, min(first + size, len(bank)))
        yield (
            _batch([bank.patch(number) for number in numbers]),
            [number // bank.patches for number in numbers],
        )


def _drawn(bank: Bank, seeds: tuple[int, int, int], size: int, crop: int | None) -> Batch:
    """Return random patches, cropped and augmented at random."""
    rng = np.random.default_rng(seeds)
    numbers = rng.integers(len(bank), size=size)
    return _batch([_augmented(_cropped(bank.patch(int(number)), crop, rng), rng) for number in numbers])


def _cropped(patch: FloatArray, size: int | None, rng: np.random.Generator) -> FloatArray:
    """Crop a patch, (C + 1, ...), around a random voxel of its hole."""
    if size is None:
        return patch
    holes = np.argwhere(patch[_hole_channel(len(patch))] > 0.5)
    middle = holes[rng.integers(len(holes))] if len(holes) else np.array(patch.shape[1:]) // 2
    first = np.clip(middle - size // 2, 0, np.maximum(np.array(patch.shape[1:]) - size, 0))
    return patch[(slice(None), *(slice(int(one), int(one) + size) for one in first))]


def _augmented(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Augment a patch, (C + 1, ...), so that input and target stay consistent."""
    return _recoloured(_hidden(_turned(patch, rng), rng), rng)


def _turned(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a patch, (C + 1, ...), mirrored, rotated, or unchanged."""
    axes = np.arange(1, patch.ndim)
    mirrored, turned = rng.random(2) < (_MIRRORED, _TURNED)
    order, flips = rng.permutation(axes), rng.random(len(axes)) < 0.5
    if turned:
        patch = np.flip(np.transpose(patch, (0, *order)), tuple(axes[flips]))
    elif mirrored:
        patch = np.flip(patch, 1)
    return np.array(patch, order="C")


def _hidden(patch: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Weaken a patch's first fill, hide its other side, both or neither; (C + 1, ...), in place."""
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
    """Change a patch's contrast and brightness, and sometimes swap dark and bright; (C + 1, ...), in place.

    The first fill follows such changes of the scan, so input and target stay consistent.
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
    """Return the index of the hole channel of the slice to fill; `count` includes the target."""
    slices = (count - 1) // len(CHANNELS)
    return _HOLE * slices + slices // 2


def _batch(patches: list[FloatArray]) -> Batch:
    """Stack patches, (C + 1, ...) each, into a batch."""
    stacked = torch.from_numpy(np.stack(patches))
    middle = _hole_channel(stacked.shape[1])
    return Batch(stacked[:, :-1], stacked[:, -1:], stacked[:, middle : middle + 1])
