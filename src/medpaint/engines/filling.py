"""The mask of a volume, filled by an engine, crop by crop. Every answer is checked here, once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.boxes import bounding_box, of_whole, whole
from medpaint.core.errors import EngineError, MaskError
from medpaint.core.types import FloatArray, Mask, Progress, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine, Fill, Hole
from medpaint.engines.gaps import gaps_of
from medpaint.engines.showing import shown
from medpaint.engines.windows import windows

__all__ = ["Filling", "fill"]

MOST_VOXELS: Final = 60_000_000
"""Approximate largest size of a crop in voxels; in a larger one an engine would need gigabytes for tissue that is
far from the hole."""

LEAST_CONTEXT_MM: Final = 30.0
"""Context that crops keep however large they are, for an engine that wants at least as much."""


@dataclass(frozen=True, eq=False)
class Filling:
    """The filled mask of a volume.

    Attributes:
        values: intensities, (S, N): S samples of the N masked voxels in C order.
        filled_by: number of masked voxels by what filled them, largest first.
        windows: number of crops that the engine was given.
        device: where a network ran, as torch names it; cpu where none did.
        weights_sha256: hash of the network's weights; empty unless a network filled something.
        stages: simpler fills that this one was made from, by the engine that makes them, (N,) each.
    """

    values: FloatArray
    filled_by: dict[str, int]
    windows: int
    device: str = "cpu"
    weights_sha256: str = ""
    stages: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Part:
    """The filled voxels of one crop.

    Attributes:
        places: flat index in the volume of each masked voxel of the crop, (M,).
        values: their intensities, (S, M).
        stages: the simpler fills of them, (M,) each.
        filled_by: number of them by what filled them.
        fill: the engine's answer for the crop.
    """

    places: NDArray[np.intp]
    values: FloatArray
    stages: dict[str, FloatArray]
    filled_by: Counter[str]
    fill: Fill


def fill(
    volume: Volume,
    mask: Mask,
    engine: Engine,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    absent: Mask | None = None,
) -> Filling:
    """Let `engine` fill `mask`, crop by crop; the axes of the crops point right, anterior, superior.

    Non-finite voxels outside the mask are neither filled nor filled from; see `medpaint.engines.showing`.

    Args:
        volume: the scan, at human scale; see `medpaint.core.scale`.
        mask: True = fill, (I, J, K).
        engine: what fills it.
        seed: for engines that draw random numbers.
        progress: called with the fraction done.
        absent: True = neither known nor to be filled, whatever its value, (I, J, K); None if there is none. Where
            whole slices are absent beside lost ones, crops reach to the next known slice.

    Raises:
        MaskError: a part of the mask has no finite voxel around it.
        EngineError: the engine's answer has the wrong shape or type, or is not finite.
    """
    if not mask.any():
        return Filling(np.empty((1, 0), volume.encoding.intensity_dtype), {}, 0)
    spanned = gaps_of(mask, absent)
    _refuse_isolated(volume, mask, absent, spanned)
    crops = _crops(spanned, volume.spacing_mm, engine.context_mm)
    parts = []
    for number, window in enumerate(crops):
        if progress is not None:
            progress("inpaint", number / len(crops))
        parts.append(_part(volume, mask, window, engine, seed, absent))
    if progress is not None:
        progress("inpaint", 1.0)
    return _joined(parts)


def _part(volume: Volume, mask: Mask, window: Window, engine: Engine, seed: int, absent: Mask | None) -> _Part:
    """Fill the masked voxels of one crop."""
    crop = shown(volume, mask, window, absent)
    hole = crop.hole
    answer = engine.fill(hole, seed=seed)
    _check(answer, hole)
    box = bounding_box(hole.mask) or whole(hole.mask.shape)
    numbers = np.zeros(hole.mask[box].shape, dtype=np.intp)
    numbers[hole.mask[box]] = np.arange(np.count_nonzero(hole.mask))
    stored = of_whole(crop.turn.stored(box, hole.mask.shape), window)
    wanted = crop.turn.turned_back(numbers)[mask[stored]]
    places = np.nonzero(mask[stored])
    shares = np.bincount(answer.filled_by[wanted], minlength=len(answer.fillers))
    return _Part(
        np.ravel_multi_index([along + part.start for along, part in zip(places, stored, strict=True)], mask.shape),
        crop.unscaled(answer.values[:, wanted]),
        {name: crop.unscaled(values[wanted]) for name, values in answer.stages.items()},
        Counter({name: int(share) for name, share in zip(answer.fillers, shares, strict=True) if share}),
        answer,
    )


def _check(answer: Fill, hole: Hole) -> None:
    """Check an engine's answer for one crop.

    Raises:
        EngineError: it breaks the contract of `Fill`.
    """
    count, dtype = np.count_nonzero(hole.mask), hole.image.dtype
    values, by = np.asarray(answer.values), np.asarray(answer.filled_by)
    wrong = ""
    if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] != count:
        wrong = f"expected values of shape (samples, {count}), got {values.shape}"
    elif values.dtype != dtype:
        wrong = f"expected values of type {dtype}, got {values.dtype}"
    elif by.shape != (count,) or by.dtype.kind != "u" or by.max() >= len(answer.fillers):
        wrong = (
            f"expected one of {len(answer.fillers)} fillers for each of {count} voxels, got {by.dtype} {by.shape}"
        )
    elif not np.isfinite(values).all():
        wrong = f"expected finite values, got {np.count_nonzero(~np.isfinite(values))} of {values.size} not finite"
    if wrong:
        message = f"engine {'/'.join(answer.fillers)}: {wrong}; this is a bug in the engine: choose another engine"
        raise EngineError(message)


def _joined(parts: list[_Part]) -> Filling:
    """Return the voxels of all crops in the C order of the volume."""
    samples = sorted({len(part.values) for part in parts})
    if len(samples) > 1:
        message = f"expected the same number of samples for every crop, got {samples}; this is a bug in the engine"
        raise EngineError(message)
    order = np.argsort(np.concatenate([part.places for part in parts]), kind="stable")
    values = np.concatenate([part.values for part in parts], axis=1)[:, order]
    filled_by = sum((part.filled_by for part in parts), Counter[str]())
    shared = set(parts[0].stages).intersection(*(part.stages for part in parts))
    stages = {
        name: np.concatenate([part.stages[name] for part in parts])[order]
        for name in parts[0].stages
        if name in shared
    }
    trained = next((part.fill for part in parts if part.fill.weights_sha256), parts[0].fill)
    return Filling(
        values, dict(filled_by.most_common()), len(parts), trained.device, trained.weights_sha256, stages
    )


def _crops(mask: Mask, spacing_mm: Spacing, context_mm: float) -> list[Window]:
    """Return the crops of a mask that is not empty, (I, J, K), with less context where they would be too large."""
    while True:
        crops = windows(mask, spacing_mm, context_mm)
        largest = max(math.prod(part.stop - part.start for part in crop) for crop in crops)
        if largest <= MOST_VOXELS or context_mm <= LEAST_CONTEXT_MM:
            return crops
        context_mm = max(LEAST_CONTEXT_MM, context_mm / 1.5)


def _refuse_isolated(volume: Volume, mask: Mask, absent: Mask | None, spanned: Mask) -> None:
    """Refuse a part of the mask, or of a larger one that spans its gaps, without a finite voxel around it."""
    for window in windows(spanned, volume.spacing_mm, 0.0):
        unknown = mask[window] if absent is None else mask[window] | absent[window]
        if not (np.isfinite(volume.intensities(window)) & ~unknown).any():
            message = (
                f"expected known tissue around the mask, got no finite voxel around voxels {_corner(window)}: "
                "make the mask smaller there"
            )
            raise MaskError(message)


def _corner(window: Window) -> str:
    """Describe a window."""
    return " ".join(f"{axis} {part.start}-{part.stop - 1}" for axis, part in zip("IJK", window, strict=True))
