"""What an engine is shown of a crop: void is told apart from what is known, and extreme intensities are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from scipy.ndimage import distance_transform_edt

from medpaint.core.boxes import whole
from medpaint.core.orientation import Orientation
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.base import Hole
from medpaint.engines.images import Overlaid
from medpaint.engines.windows import windows

__all__ = ["Shown", "shown", "void_of"]

NEAR_MM: Final = 5.0
"""Distance from the mask up to which void is masked too."""

BESIDE_MM: Final = 30.0
"""Distance from the mask up to which the placeholder of a void voxel is the nearest known value."""

_SLICES: Final = 8
"""Number of slices that are decoded at a time while a crop is looked through."""

ORDINARY: Final = 40
"""Largest intensities between 2 to the power of minus this and 2 to the power of this are shown as they are."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A crop as an engine sees it.

    Attributes:
        hole: what it is asked, with axes that point right, anterior and superior.
        turn: how the crop was turned.
        exponent: the intensities are shown divided by 2 to this power; 0 for ordinary ones.
    """

    hole: Hole
    turn: Orientation
    exponent: int

    def unscaled(self, values: FloatArray) -> FloatArray:
        """Return an engine's values, (S, N), as intensities of the scan, within the range of their type."""
        if not self.exponent:
            return values
        most = np.finfo(values.dtype).max
        with np.errstate(over="ignore"):
            return np.clip(np.ldexp(values, self.exponent), -most, most)


def shown(volume: Volume, mask: Mask, window: Window, absent: Mask | None = None) -> Shown:
    """Return a crop of a volume as an engine sees it.

    Voxels outside the mask that are not finite are void: padding, or a background of NaN. Close to the mask they
    are unknown like the mask, so that nothing is filled from them; the engine's values for them are dropped.
    Around those they have the nearest known value, and farther away the lowest intensity.

    Intensities whose squares or sums might leave the range of their type are shown multiplied by a power of two,
    which is exact.

    Args:
        volume: the scan.
        mask: True = fill, (I, J, K).
        window: the crop; it has known voxels around each part of the mask.
        absent: True = void too, although there may be a value, (I, J, K); None if there is none.
    """
    turn, crop = Orientation.of(volume.affine), volume.cropped(window)
    outside = _outside(crop, mask[window], None if absent is None else absent[window])
    masked, spacing_mm = np.ascontiguousarray(turn.turned(mask[window])), turn.spacing(volume.spacing_mm)
    void = None if outside.void is None else np.ascontiguousarray(turn.turned(outside.void))
    unknown = masked if void is None else _unknown(masked, void, spacing_mm)
    exponent = _exponent(max(outside.highest, -outside.lowest, 0.0))
    seen = _Seen(crop, turn, unknown, void, outside.lowest, exponent)
    image = seen if void is None else Overlaid(seen, _beside(seen, masked, void))
    return Shown(Hole(image, unknown, spacing_mm, void), turn, exponent)


@final
@dataclass(frozen=True, eq=False)
class _Seen:
    """The intensities of a crop, turned and decoded where they are read; see `medpaint.engines.images.Image`.

    Attributes:
        crop: the stored values.
        turn: how they are turned.
        unknown: 0 in these voxels, (I, J, K).
        void: the lowest intensity in those that are not unknown too, (I, J, K), or None.
        lowest: that intensity.
        exponent: the intensities are divided by 2 to this power.
    """

    crop: Volume
    turn: Orientation
    unknown: Mask
    void: Mask | None
    lowest: float
    exponent: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along the turned axes."""
        return self.unknown.shape

    @property
    def dtype(self) -> np.dtype[np.floating[Any]]:
        """Type of the intensities."""
        return self.crop.encoding.intensity_dtype

    def __getitem__(self, window: Window, /) -> FloatArray:
        """Return the intensities in a window."""
        stored = self.crop.intensities(self.turn.stored(window, self.shape))
        seen: FloatArray = np.ascontiguousarray(self.turn.turned(stored))
        if self.void is not None:
            seen[self.void[window]] = self.lowest
        seen[self.unknown[window]] = 0.0
        return np.ldexp(seen, -self.exponent, out=seen) if self.exponent else seen

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> FloatArray:
        """Return all intensities."""
        del dtype, copy
        return self[whole(self.shape)]


@dataclass(frozen=True, eq=False)
class _Outside:
    """What a crop has outside a mask.

    Attributes:
        void: True = neither masked nor known, (I, J, K); None if every voxel is one or the other.
        lowest: smallest known intensity.
        highest: largest.
    """

    void: Mask | None
    lowest: float
    highest: float


def _outside(crop: Volume, masked: Mask, absent: Mask | None) -> _Outside:
    """Return what a crop has outside a mask, (I, J, K), without what is absent."""
    void, lowest, highest = np.zeros_like(masked), np.inf, -np.inf
    for place in _slabs(masked.shape):
        values, hidden = crop.intensities(place), masked[place]
        least, most = values.min(), values.max()
        if hidden.any() or not np.isfinite([least, most]).all() or (absent is not None and absent[place].any()):
            lost = ~(np.isfinite(values) | hidden)
            if absent is not None:
                lost |= absent[place] & ~hidden
            if lost.any():
                void[place] = lost
            known = ~(lost | hidden)
            least, most = np.where(known, values, np.inf).min(), np.where(known, values, -np.inf).max()
        lowest, highest = min(lowest, float(least)), max(highest, float(most))
    return _Outside(void if void.any() else None, lowest, highest)


def _slabs(shape: tuple[int, ...]) -> Iterator[Window]:
    """Yield a few slices of a volume at a time, along K."""
    i, j, k = shape
    for first in range(0, k, _SLICES):
        yield slice(0, i), slice(0, j), slice(first, min(first + _SLICES, k))


def void_of(volume: Volume, mask: Mask) -> Mask | None:
    """Return which voxels of a volume are void, (I, J, K); None if none are."""
    if volume.encoding.padding is None and volume.data.dtype.kind != "f":
        return None
    void = np.empty(volume.shape, dtype=bool)
    for number in range(volume.shape[2]):
        window = np.s_[0 : volume.shape[0], 0 : volume.shape[1], number : number + 1]
        void[window] = ~np.isfinite(volume.intensities(window)) & ~mask[window]
    return void if void.any() else None


def _unknown(masked: Mask, void: Mask, spacing_mm: Spacing) -> Mask:
    """Return a mask with the void that is close to it, (I, J, K)."""
    unknown = masked.copy()
    for window in windows(masked, spacing_mm, BESIDE_MM):
        hole, outside = masked[window], void[window]
        if outside.any():
            unknown[window] |= outside & (distance_transform_edt(~hole, sampling=spacing_mm) <= NEAR_MM)
    return unknown


def _beside(seen: _Seen, masked: Mask, void: Mask) -> list[tuple[Window, FloatArray]]:
    """Return what is seen around a mask, (I, J, K), with the nearest known value in void that is not unknown.

    Of several nearest voxels the order of the stored axes decides.
    """
    pieces, stored, spacing_mm = [], seen.turn.turned_back, seen.crop.spacing_mm
    for window in windows(masked, seen.turn.spacing(spacing_mm), BESIDE_MM):
        lost = stored(void[window])
        if not lost.any():
            continue
        nearest = distance_transform_edt(
            stored(masked[window]) | lost, sampling=spacing_mm, return_distances=False, return_indices=True
        )
        piece = seen[window]
        stored(piece)[lost] = stored(piece)[tuple(index[lost] for index in nearest)]
        piece[seen.unknown[window]] = 0.0
        pieces.append((window, piece))
    return pieces


def _exponent(peak: float) -> int:
    """Return the power of two that brings the largest magnitude of an image into 0.5 to 1; 0 if it is ordinary."""
    exponent = int(np.frexp(peak)[1])
    return exponent if peak > 0.0 and abs(exponent) > ORDINARY else 0
