"""Blend any engine's fill into its surroundings, without a step at the border."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from medpaint.core.boxes import bounding_box, grown, whole
from medpaint.core.types import FloatArray, Mask
from medpaint.engines.base import Engine, Fill, Hole
from medpaint.engines.classical.harmonic import fill_harmonic
from medpaint.engines.images import Overlaid, values_at

__all__ = ["Membrane"]


@final
@dataclass(frozen=True)
class Membrane:
    """Adds to a fill the smooth field that closes the gap at the hole's border.

    The gap at a known voxel is the difference between its value and the mean of the filled voxels that share a
    face with it. Laplace's equation spreads the gaps into the hole like a membrane that is fixed at the border.
    This is seamless cloning (P. Pérez, M. Gangnet, A. Blake: Poisson image editing. ACM Transactions on Graphics
    22 (2003) 313-318) with the fill as the source and a step of zero across the border.

    Attributes:
        engine: what fills the hole first; the fill keeps the names of its fillers.
    """

    engine: Engine

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the inner engine wants to see, mm."""
        return self.engine.context_mm

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the inner engine's fill with the gap at its border closed; see `Engine`."""
        fill = self.engine.fill(hole, seed=seed)
        return replace(fill, values=np.stack([_closed(hole, values) for values in fill.values]))


def _closed(hole: Hole, values: FloatArray) -> FloatArray:
    """Return the values of one sample, (N,), with the gap at the border closed."""
    shape = hole.mask.shape
    near = grown(bounding_box(hole.mask) or whole(shape), (1, 1, 1), shape)
    image, mask = hole.image[near], hole.mask[near]
    filled = image.copy()
    filled[mask] = values
    gap = Overlaid(np.broadcast_to(image.dtype.type(0), shape), ((near, _gap(image, filled, mask)),))
    closed: FloatArray = values + values_at(fill_harmonic(gap, hole.mask, hole.spacing_mm), hole.mask)
    return closed


def _gap(image: FloatArray, filled: FloatArray, mask: Mask) -> FloatArray:
    """Return known minus neighbouring filled values at the known voxels on the border, 0 elsewhere, (I, J, K)."""
    total, count = np.zeros_like(image), np.zeros_like(image)
    for axis in range(3):
        inside = np.moveaxis(mask, axis, 0)
        values, sums, numbers = (np.moveaxis(array, axis, 0) for array in (filled, total, count))
        for known, hole in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            touching = inside[hole] & ~inside[known]
            sums[known] += np.where(touching, values[hole], 0)
            numbers[known] += touching
    border = count > 0
    gap = np.zeros_like(image)
    gap[border] = image[border] - total[border] / count[border]
    return gap
