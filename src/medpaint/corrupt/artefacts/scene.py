"""What artefacts have to know about a clean scan: its tissue, its range of intensities, its kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.types import Array, FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt.tissue import tissue_of

__all__ = ["Scene"]

_AIR_HU: Final = -700.0
"""Air has fewer Hounsfield units than that; magnitudes of MR have none below zero but for rounding."""

_AIR_SHARE: Final = 0.005
"""A scan in Hounsfield units has at least this share of air, around the body or in it."""

_BLANK_SHARE: Final = 0.97
"""If this share of the background has one value, the background was blanked, as by brain extraction."""

_EQUAL_SPACING: Final = 1.05
"""Axes whose spacing is within this factor of the largest may all be the axis of slices."""

_LARGEST: Final = 1e15
"""Larger intensities are refused: their Fourier transforms do not fit into single precision."""

_LEAST_NOISE: Final = 0.005
"""Noise of a receiver, as a share of the range of intensities, where the background does not show it."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A clean scan, and what artefacts have to know about it.

    Attributes:
        volume: the clean scan, (I, J, K).
        values: its intensities, (I, J, K); `low` where they are not finite, or padding.
        tissue: the body, (I, J, K).
        usable: where artefacts may change voxels: not padding, not non-finite, not blanked background, (I, J, K).
        low: intensity of the background.
        high: 99th percentile of the tissue.
        is_ct: the intensities are Hounsfield units, so there is no k-space behind them.
        is_blanked: the background has one value, and keeps it.
    """

    volume: Volume
    values: FloatArray
    tissue: Mask
    usable: Mask
    low: float
    high: float
    is_ct: bool
    is_blanked: bool

    @classmethod
    def of(cls, volume: Volume) -> Scene:
        """Look at a clean scan, (I, J, K).

        Raises:
            InputError: it has no tissue that stands out from a background, or intensities beyond all measure.
        """
        values = volume.intensities()
        finite = np.isfinite(values)
        largest = float(np.abs(values[finite]).max(initial=0.0))
        if largest > _LARGEST:
            message = f"expected intensities of at most {_LARGEST:g}, got {largest:g}: rescale them"
            raise InputError(message)
        tissue = tissue_of(volume)
        if not tissue.any():
            message = "expected a scan with tissue in it, got one without any: no artefact can be placed"
            raise InputError(message)
        background = finite & ~tissue
        is_ct = bool(np.count_nonzero(values[finite] < _AIR_HU) >= _AIR_SHARE * np.count_nonzero(finite))
        blank = _blank(values[background])
        low = float(np.median(values[background])) if background.any() else float(values[finite].min())
        high = float(np.percentile(values[tissue], 99.0))
        if high <= low:
            message = f"expected tissue brighter than its background, got {high:g} and {low:g}"
            raise InputError(message)
        usable = finite if blank is None else finite & (tissue | (values != blank))
        values[~finite] = low
        return cls(volume, values, tissue, usable, low, high, is_ct, blank is not None)

    @property
    def span(self) -> float:
        """Range of the intensities, from the background to bright tissue."""
        return self.high - self.low

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the receiver's noise in each channel, from the magnitudes in the background."""
        floor = _LEAST_NOISE * self.span
        background = self.values[self.usable & ~self.tissue]
        if self.is_blanked or self.is_ct or background.size == 0:
            return floor
        return max(floor, float(np.median(background)) / float(np.sqrt(2.0 * np.log(2.0))))

    def slice_axis(self, rng: np.random.Generator) -> int:
        """Return an axis that slices may have been acquired along: one of the largest spacing."""
        spacing = self.volume.spacing_mm
        candidates = [
            axis
            for axis in range(3)
            if spacing[axis] * _EQUAL_SPACING >= max(spacing) and self.volume.shape[axis] > 1
        ]
        return int(rng.choice(candidates or [2]))

    def content(self, axis: int) -> Array:
        """Return how much tissue each slice along `axis` has, as a share of the fullest slice's."""
        others = tuple(other for other in range(3) if other != axis)
        counts = self.tissue.sum(axis=others).astype(np.float64)
        shares: Array = counts / counts.max()
        return shares


def _blank(background: FloatArray) -> float | None:
    """Return the one value of a background that was blanked; None if it was not."""
    if background.size == 0:
        return None
    middle = float(np.median(background))
    return middle if np.mean(background == middle) >= _BLANK_SHARE else None
