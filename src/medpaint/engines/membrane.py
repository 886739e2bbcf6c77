"""Pull any engine's fill towards what surrounds the hole, without a step at the border."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Engine
from medpaint.engines.classical.harmonic import Harmonic

__all__ = ["Membrane"]


@final
@dataclass(frozen=True)
class Membrane:
    """Adds to a fill the smooth field that closes the gap at the hole's border.

    The gap at a known voxel is the difference between its value and the mean of the filled voxels that share a
    face with it. Laplace's equation spreads the gaps into the hole like a membrane that is fixed at the border.
    This is seamless cloning (P. Pérez, M. Gangnet, A. Blake: Poisson image editing. ACM Transactions on Graphics
    22 (2003) 313-318) with the fill as the source and no step wanted across the border.

    Attributes:
        engine: what fills the hole first.
    """

    engine: Engine
    _spread: Harmonic = field(default_factory=Harmonic)

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engine wants to see, mm."""
        return self.engine.context_mm

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled and the gap at its border closed, (I, J, K); see `Engine`."""
        filled = self.engine.fill(image, mask, spacing_mm=spacing_mm, seed=seed)
        gap = _gap(image, filled, mask)
        correction = self._spread.fill(gap, mask, spacing_mm=spacing_mm, seed=seed)
        return np.where(mask, filled + correction, image)


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
