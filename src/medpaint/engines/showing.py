"""What an engine is shown of a crop: void is told apart from what is known, and extreme intensities are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.ndimage import distance_transform_edt

from medpaint.core.orientation import Orientation
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.base import Hole
from medpaint.engines.windows import windows

__all__ = ["Shown", "shown", "void_of"]

NEAR_MM: Final = 5.0
"""Distance from the mask up to which void is masked too."""

BESIDE_MM: Final = 30.0
"""Distance from the mask up to which the placeholder of a void voxel is the nearest known value."""

_SLICES: Final = 8
"""Number of slices that are decoded at a time, so that a crop's intensities are in memory once."""

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
    turn = Orientation.of(volume.affine)
    masked = mask[window]
    image = _blank(masked.shape, turn, volume.encoding.intensity_dtype)
    unknown, void = _blank(masked.shape, turn, bool), _blank(masked.shape, turn, bool)
    for part, place in _slabs(window):
        image[part] = volume.intensities(place)
        void[part] = ~np.isfinite(image[part]) & ~masked[part]
    if absent is not None:
        void |= absent[window] & ~masked
    unknown[...] = masked
    has_void = bool(void.any())
    if has_void:
        image[void] = image[~(void | masked)].min()
        _surround(image, unknown, masked, void, volume.spacing_mm)
    image[unknown] = 0.0
    exponent = _exponent(image)
    if exponent:
        np.ldexp(image, -exponent, out=image)
    shown_void = turn.turned(void) if has_void else None
    return Shown(
        Hole(turn.turned(image), turn.turned(unknown), turn.spacing(volume.spacing_mm), shown_void), turn, exponent
    )


def _blank(shape: tuple[int, ...], turn: Orientation, dtype: DTypeLike) -> NDArray[Any]:
    """Return a new array of a crop's shape, (I, J, K), that is contiguous once it is turned."""
    return turn.turned_back(np.empty(turn.turned(np.broadcast_to(0, shape)).shape, dtype))


def _slabs(window: Window) -> Iterator[tuple[Window, Window]]:
    """Yield a few slices of a window at a time, along K, as windows of the crop and of the volume."""
    i, j, k = window
    for first in range(k.start, k.stop, _SLICES):
        last = min(first + _SLICES, k.stop)
        yield np.s_[:, :, first - k.start : last - k.start], (i, j, slice(first, last))


def void_of(volume: Volume, mask: Mask) -> Mask | None:
    """Return which voxels of a volume are void, (I, J, K); None if none are."""
    if volume.encoding.padding is None and volume.data.dtype.kind != "f":
        return None
    void = np.empty(volume.shape, dtype=bool)
    for number in range(volume.shape[2]):
        window = np.s_[0 : volume.shape[0], 0 : volume.shape[1], number : number + 1]
        void[window] = ~np.isfinite(volume.intensities(window)) & ~mask[window]
    return void if void.any() else None


def _surround(image: FloatArray, unknown: Mask, mask: Mask, void: Mask, spacing_mm: Spacing) -> None:
    """Mark void close to the mask as `unknown`, and give void around it the nearest known value, in place."""
    for window in windows(mask, spacing_mm, BESIDE_MM):
        hole, outside = mask[window], void[window]
        if not outside.any():
            continue
        nearest = distance_transform_edt(
            hole | outside, sampling=spacing_mm, return_distances=False, return_indices=True
        )
        image[window][outside] = image[window][tuple(index[outside] for index in nearest)]
        near = distance_transform_edt(~hole, sampling=spacing_mm) <= NEAR_MM
        unknown[window] |= outside & near


def _exponent(image: FloatArray) -> int:
    """Return the power of two that brings the largest magnitude of an image into 0.5 to 1; 0 if it is ordinary."""
    peak = max(float(image.max()), -float(image.min()))
    exponent = int(np.frexp(peak)[1])
    return exponent if peak > 0.0 and abs(exponent) > ORDINARY else 0
