"""The input of a network: the first fill of the holes, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box, whole
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.base import Known
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.classical.linear import interpolated
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.exemplar.engine import sharpened
from medpaint.engines.exemplar.symmetry import Symmetry, symmetry_of
from medpaint.engines.images import Image, Overlaid
from medpaint.engines.learned.networks.names import FirstFill
from medpaint.engines.windows import windows

__all__ = ["CHANNELS", "Start"]

CHANNELS: Final = ("start", "smooth", "other side", "hole", "other side's hole")
"""The channels of a network's input, in this order."""

_SCALE_MM: Final = 20.0
"""Margin around the holes in which the known voxels set the scale of the intensities."""

_MOST: Final = 1e3
"""Largest scaled intensity in the input, so that a metal artefact does not drown the rest."""


@dataclass(frozen=True, eq=False)
class Start:
    """A first fill of a scan's holes, which a network corrects.

    Attributes:
        filled: the scan with the first fill in its holes, (I, J, K).
        smooth: the scan with the biharmonic fill in them, (I, J, K).
        sharper: where `filled` was learned from exemplars or interpolated between slices; elsewhere it is
            `smooth`, (I, J, K).
        mask: True = hole, (I, J, K).
        symmetry: how the scan maps onto its mirror image; None where it has no symmetry.
        spacing_mm: voxel size along I, J, K.
        centre: mean of the known intensities near the holes.
        spread: their standard deviation; 0 where all of them are equal.
        void: True = outside the image, (I, J, K); None if there is none.
    """

    filled: Image
    smooth: Image
    sharper: Mask
    mask: Mask
    symmetry: Symmetry | None
    spacing_mm: Spacing
    centre: float
    spread: float
    void: Mask | None = None

    @classmethod
    def of(
        cls,
        image: Image,
        mask: Mask,
        *,
        spacing_mm: Spacing,
        seed: int,
        pace: Pace | None = "brisk",
        lost: FirstFill = "biharmonic",
        void: Mask | None = None,
    ) -> Start:
        """Make the first fill of an image, (I, J, K).

        Args:
            image: intensities, finite outside the mask.
            mask: True = fill.
            spacing_mm: voxel size along I, J, K.
            seed: draws the exemplars.
            pace: how thoroughly exemplars are searched for; None keeps the biharmonic fill.
            lost: what fills lost slices without exemplars.
            void: True = outside the image; None if there is none.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
        """
        smooth = fill_biharmonic(image, mask, spacing_mm)
        symmetry = symmetry_of(smooth, spacing_mm)
        centre, spread = _scale(smooth, mask, Known(mask, void), spacing_mm)
        filled: Image = smooth
        sharper = np.zeros(mask.shape, dtype=bool)
        if pace is not None and spread > 0.0:
            filled, sharper = sharpened(
                smooth, mask, symmetry, spacing_mm=spacing_mm, seed=seed, pace=pace, void=void
            )
        elif pace is None and lost == "registered":
            from medpaint.engines.classical.registered import moved_between

            moved, rest = interpolated(image, mask, void, moved_between(spacing_mm))
            sharper, box = mask & ~rest, bounding_box(mask) or whole(mask.shape)
            filled = Overlaid(smooth, ((box, np.where(sharper[box], moved[box], smooth[box])),))
        return cls(filled, smooth, sharper, mask, symmetry, spacing_mm, centre, spread, void)

    @property
    def known(self) -> Known:
        """Which voxels were measured."""
        return Known(self.mask, self.void)

    def void_in(self, window: Window) -> Mask | None:
        """Return the void in a window, (I, J, K); None if there is none."""
        return None if self.void is None else self.void[window]

    def scaled(self, intensities: FloatArray) -> FloatArray:
        """Scale intensities so that the known ones near the holes have mean 0 and deviation 1."""
        scaled: FloatArray = ((intensities - self.centre) / self.spread).astype(np.float32)
        return np.clip(scaled, -_MOST, _MOST, out=scaled)

    def shown(self, window: Window) -> FloatArray:
        """Return the channels of a window, (C, I, J, K) float32; see `CHANNELS`."""
        hole = self.mask[window]
        across, known = np.zeros(hole.shape, np.float32), np.zeros(hole.shape, bool)
        if self.symmetry is not None:
            values, known = self.symmetry.other_side(self.filled, self.known, window)
            across = self.scaled(values)
        start, smooth = self.scaled(self.filled[window]), self.scaled(self.smooth[window])
        return np.stack([start, smooth, across, hole.astype(np.float32), (~known).astype(np.float32)])


def _scale(values: Image, mask: Mask, known: Known, spacing_mm: Spacing) -> tuple[float, float]:
    """Return the mean of the known values near the holes, and their deviation, 0 where it is rounding error."""
    near = [values[window][known[window]] for window in windows(mask, spacing_mm, _SCALE_MM)]
    measured = np.concatenate(near).astype(np.float64)
    centre, spread = float(measured.mean()), float(measured.std())
    return centre, spread if spread > 1e-9 * abs(centre) else 0.0
