"""Lost slices as straight lines between the slices on either side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.base import Fill, Hole, known_voxels
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.gaps import gap_axes
from medpaint.engines.images import Image, values_at

__all__ = ["Between", "Linear", "interpolated", "straight"]


class Between(Protocol):
    """Makes the slices between two."""

    def __call__(self, below: FloatArray, above: FloatArray, known: Mask, axis: int, count: int) -> FloatArray:
        """Return `count` equally spaced slices, (count, J, K).

        Args:
            below: the slice before the first of them, (J, K).
            above: the slice after the last, (J, K).
            known: True where both are known, (J, K): at least one is.
            axis: the one that numbers the slices.
            count: how many.
        """
        ...


@final
@dataclass(frozen=True)
class Linear:
    """Interpolates lost slices linearly, in the distance from the nearest slice on either side.

    A voxel is interpolated if it is known in both of those slices. All other voxels, and other holes, get the
    biharmonic fill, in which the interpolated ones count as known; they are reported as filled by it.
    """

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the interpolated fill; see `Engine`.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
        """
        del seed
        lines, rest = interpolated(hole.image, hole.mask, hole.void)
        filled = fill_biharmonic(lines, rest, hole.spacing_mm) if rest.any() else lines
        filled_by = rest[hole.mask].astype(np.uint8)
        return Fill(values_at(filled, hole.mask)[np.newaxis], ("linear", "biharmonic"), filled_by)


def straight(below: FloatArray, above: FloatArray, known: Mask, axis: int, count: int) -> FloatArray:
    """Return slices on straight lines between two; see `Between`."""
    del known, axis
    share = (np.arange(1, count + 1) / (count + 1)).astype(below.dtype)[:, np.newaxis, np.newaxis]
    slices: FloatArray = (1 - share) * below + share * above
    return slices


def interpolated(
    image: Image, mask: Mask, void: Mask | None, between: Between = straight
) -> tuple[FloatArray, Mask]:
    """Return an image with its lost slices interpolated, and what is left to fill, both (I, J, K).

    Args:
        image: intensities, (I, J, K).
        mask: True = fill, (I, J, K).
        void: True = outside the image, (I, J, K); None if the image is everywhere.
        between: makes the slices between two.
    """
    filled, rest = np.array(image), mask.copy()
    for axis in gap_axes(mask, void):
        certain = known_voxels(rest, void)
        left, known = np.moveaxis(rest, axis, 0), np.moveaxis(certain, axis, 0)
        _interpolate(np.moveaxis(filled, axis, 0), left, known, axis, between)
    return filled, rest


def _interpolate(slices: FloatArray, wanted: Mask, known: Mask, axis: int, between: Between) -> None:
    """Fill lost slices in place, and clear `wanted` where they are; all are (S, J, K), slices first."""
    seen = np.flatnonzero(known.any(axis=(1, 2)))
    for below, above in zip(seen[:-1].tolist(), seen[1:].tolist(), strict=True):
        gap = slice(below + 1, above)
        if above - below < 2 or not wanted[gap].any():
            continue
        both = known[below] & known[above]
        filled = wanted[gap] & both
        if filled.any():
            made = between(slices[below], slices[above], both, axis, above - below - 1)
            slices[gap][filled] = made[filled]
        wanted[gap] &= ~filled
