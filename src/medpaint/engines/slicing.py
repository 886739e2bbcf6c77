"""A 2D engine on a volume: the only slice loop of the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Fill, Hole, SliceEngine

__all__ = ["SliceWise", "slicing_axis"]

_SAME_SPACING: Final = 1.1
"""Largest ratio of two spacings that count as equally coarse."""

_LEAST_MARGIN: Final = 2
"""Smallest margin of known tissue around a hole that an engine sees, in pixels, where the slice has them."""


@final
@dataclass(frozen=True)
class SliceWise:
    """Fills a volume slice by slice, along the axis that `slicing_axis` picks.

    Slices without masked voxels are skipped, and of the others the engine sees the masked part and its context.
    A 2D engine cannot fill slices that are masked throughout: they are interpolated between the nearest slices
    on either side, linearly in their distance, once those are filled; at the ends of the volume the nearest slice
    is repeated. Their voxels are reported as filled by interpolation.

    Attributes:
        engine: fills one slice.
        name: the engine's name in the registry.
    """

    engine: SliceEngine
    name: str

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the slice engine wants to see, mm."""
        return self.engine.context_mm

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the fill, slice by slice; see `Engine`. Each slice has its own seed."""
        axis = slicing_axis(hole.mask, hole.spacing_mm, hole.void)
        first, second = (size for other, size in enumerate(hole.spacing_mm) if other != axis)
        filled, interpolated = np.array(hole.image), np.zeros(hole.mask.shape, dtype=bool)
        unknown = hole.mask if hole.void is None else hole.mask | hole.void
        slices = np.moveaxis(filled, axis, 0)
        masks, gone = np.moveaxis(hole.mask, axis, 0), np.moveaxis(unknown, axis, 0)
        whole = np.asarray(gone.all(axis=(1, 2)))
        for number in np.flatnonzero(masks.any(axis=(1, 2)) & ~whole):
            self._fill_slice(slices[number], masks[number], gone[number], (first, second), seed + int(number))
        _interpolate(slices, whole)
        np.moveaxis(interpolated, axis, 0)[whole] = True
        filled_by = interpolated[hole.mask].astype(np.uint8)
        return Fill(filled[hole.mask][np.newaxis], (self.name, "interpolation"), filled_by)

    def _fill_slice(
        self, image: FloatArray, mask: Mask, unknown: Mask, pixel_mm: tuple[float, float], seed: int
    ) -> None:
        """Fill the mask of one slice, (J, K), in place, from what is not unknown."""
        window = _window(mask, self.context_mm, pixel_mm)
        if unknown[window].all():
            window = np.s_[:, :]
        part, hole = np.ascontiguousarray(image[window]), np.ascontiguousarray(unknown[window])
        painted = self.engine.fill_slice(part, hole, spacing_mm=pixel_mm, seed=seed)
        image[window][hole] = painted[hole]


def slicing_axis(mask: Mask, spacing_mm: Spacing, void: Mask | None = None) -> int:
    """Return the axis along which a volume is best cut into slices.

    An axis of length 1 wins, because the rest is the 2D image. Otherwise it is the axis with the coarsest spacing,
    because the nearest neighbours then lie in the slice. Of several equally coarse axes it is the one along which
    the fewest slices are masked throughout, because those cannot be painted; then the last, along which scanners
    acquire most often.

    Args:
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        void: True = outside the image, (I, J, K); None if there is none.
    """
    if 1 in mask.shape:
        return mask.shape.index(1)
    coarsest = max(spacing_mm)
    candidates = [axis for axis in (2, 1, 0) if spacing_mm[axis] * _SAME_SPACING >= coarsest]
    return min(candidates, key=lambda axis: _count_whole(mask, void, axis))


def _count_whole(mask: Mask, void: Mask | None, axis: int) -> int:
    """Return the number of masked slices along `axis` without a known voxel."""
    others = tuple(one for one in range(3) if one != axis)
    if void is None:
        return int(mask.all(axis=others).sum())
    return int((mask.any(axis=others) & (mask | void).all(axis=others)).sum())


def _window(mask: Mask, context_mm: float, pixel_mm: tuple[float, float]) -> tuple[slice, slice]:
    """Return the box around the masked pixels of a slice, (J, K), with its context."""
    box = []
    for axis in (0, 1):
        taken = np.flatnonzero(mask.any(axis=1 - axis))
        margin = max(_LEAST_MARGIN, int(np.ceil(context_mm / pixel_mm[axis])))
        box.append(slice(max(0, int(taken[0]) - margin), int(taken[-1]) + 1 + margin))
    return box[0], box[1]


def _interpolate(slices: FloatArray, missing: Mask) -> None:
    """Interpolate the `missing` slices, (S,), from the nearest others, in place; `slices` is (S, J, K)."""
    present = np.flatnonzero(~missing)
    for number in np.flatnonzero(missing):
        place = int(np.searchsorted(present, number))
        below, above = present[max(place - 1, 0)], present[min(place, len(present) - 1)]
        share = (number - below) / (above - below) if above != below else 0.0
        slices[number] = slices[below] + share * (slices[above] - slices[below])
