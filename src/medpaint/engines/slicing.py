"""A 2D engine on a volume: the one slice loop of the project."""

from __future__ import annotations

from typing import Final, final

import numpy as np

from medpaint.core.errors import UsageError
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import SliceEngine

__all__ = ["SliceWise", "slicing_axis"]

_SAME_SPACING: Final = 1.1
"""Axes count as equally coarse up to this ratio of their spacings."""

_LEAST_MARGIN: Final = 2
"""Pixels of known tissue around a hole that an engine gets at least, where the slice has them."""


@final
class SliceWise:
    """Fills a volume slice by slice.

    Slices without masked voxels are not visited, and of the others the engine sees the masked part and its
    context. Slices that are masked throughout are beyond a 2D engine: they are interpolated between the nearest
    slices on either side, linearly in their distance, once those are filled; at the ends of the volume the
    nearest slice is repeated.

    Args:
        engine: fills one slice.
        axis: axis that numbers the slices; None takes `slicing_axis`. An axis of length 1 always comes first.
    """

    def __init__(self, engine: SliceEngine, *, axis: int | None = None) -> None:
        if axis not in (None, 0, 1, 2):
            message = f"expected axis to be 0, 1 or 2, got {axis}"
            raise UsageError(message)
        self._engine = engine
        self._axis = axis

    @property
    def context_mm(self) -> float:
        """What the slice engine wants to see."""
        return self._engine.context_mm

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`. Each slice has its own seed."""
        flat = 1 in image.shape
        axis = slicing_axis(mask, spacing_mm) if self._axis is None or flat else self._axis
        first, second = (size for other, size in enumerate(spacing_mm) if other != axis)
        filled = image.copy()
        slices, holes = np.moveaxis(filled, axis, 0), np.moveaxis(mask, axis, 0)
        whole = np.asarray(holes.all(axis=(1, 2)))
        for number in np.flatnonzero(holes.any(axis=(1, 2)) & ~whole):
            self._fill_slice(slices[number], holes[number], (first, second), seed + int(number))
        _interpolate(slices, whole)
        return filled

    def _fill_slice(self, image: FloatArray, mask: Mask, pixel_mm: tuple[float, float], seed: int) -> None:
        """Fill one slice, (J, K), in place."""
        window = _window(mask, self.context_mm, pixel_mm)
        part, hole = np.ascontiguousarray(image[window]), np.ascontiguousarray(mask[window])
        painted = self._engine.fill_slice(part, hole, spacing_mm=pixel_mm, seed=seed)
        image[window][hole] = painted[hole]


def slicing_axis(mask: Mask, spacing_mm: Spacing) -> int:
    """Return the axis along which a volume is best cut into slices.

    An axis of length 1 wins, for what is left is the 2D image. Else it is the axis of the coarsest spacing, for
    the nearest neighbours then lie in the slice. Where several are equally coarse, it is the one along which the
    fewest slices are masked throughout, for those cannot be painted; then the last, which scanners most often
    acquire along.

    Args:
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
    """
    if 1 in mask.shape:
        return mask.shape.index(1)
    coarsest = max(spacing_mm)
    candidates = [axis for axis in (2, 1, 0) if spacing_mm[axis] * _SAME_SPACING >= coarsest]
    return min(candidates, key=lambda axis: _count_whole(mask, axis))


def _count_whole(mask: Mask, axis: int) -> int:
    """Return how many slices along `axis` have no known voxel."""
    return int(np.moveaxis(mask, axis, 0).all(axis=(1, 2)).sum())


def _window(mask: Mask, context_mm: float, pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Return the box around the masked pixels of a slice, (J, K), with its context."""
    box = []
    for axis in (0, 1):
        taken = np.flatnonzero(mask.any(axis=1 - axis))
        margin = max(_LEAST_MARGIN, int(np.ceil(context_mm / pixel_mm[axis])))
        box.append(slice(max(0, int(taken[0]) - margin), int(taken[-1]) + 1 + margin))
    return box[0], box[1]


def _interpolate(slices: FloatArray, missing: Mask) -> None:
    """Fill the `missing` slices, (S,), from the nearest others on either side, in place; `slices` is (S, J, K)."""
    present = np.flatnonzero(~missing)
    for number in np.flatnonzero(missing):
        place = int(np.searchsorted(present, number))
        below, above = present[max(place - 1, 0)], present[min(place, len(present) - 1)]
        share = (number - below) / (above - below) if above != below else 0.0
        slices[number] = slices[below] + share * (slices[above] - slices[below])
