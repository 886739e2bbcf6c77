"""A scan and what has been measured in it, once for all detectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from medpaint.core.foreground import stride_of, threshold_of
from medpaint.core.types import FloatArray
from medpaint.core.volume import Volume
from medpaint.detectors.stack import Stack

__all__ = ["Examined"]

LEAST_SLICES: Final = 9
"""A slice is compared with up to four on either side: along axes with fewer, slices are not compared."""

LEAST_PLANE: Final = 24
"""Nor are slices with fewer voxels than this along one of their edges."""

THICK: Final = 1.5
"""Where voxels are longer along one axis by this factor, only slices along that axis were acquired one by one."""

RANGE: Final = (1e-15, 1e15)
"""Range of intensities within which single precision is enough."""

CT_AIR: Final = -900.0
CT_SOFT: Final = (-200.0, 200.0)
CT_SHARE: Final = 0.05
"""In CT, air lies below the first value, and soft tissue between the others: this share of voxels each."""


@dataclass(frozen=True, eq=False)
class Examined:
    """A scan, and measures of it that are computed when first asked for.

    Attributes:
        volume: the scan, (I, J, K).
    """

    volume: Volume

    @cached_property
    def levels(self) -> tuple[float, float, float]:
        """Intensities of the background, from which on there is tissue, and of bright tissue."""
        i, j, k = stride_of(self.volume.shape)
        values = self.volume.intensities(np.s_[::i, ::j, ::k]).astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size == 0:
            return 0.0, 0.0, 0.0
        threshold = threshold_of(values)
        tissue = values[values > threshold]
        dark = float(np.percentile(values, 1.0))
        return dark, threshold, float(np.percentile(tissue, 99.0)) if tissue.size else threshold

    @cached_property
    def is_ct(self) -> bool:
        """Whether the intensities look like Hounsfield units."""
        i, j, k = stride_of(self.volume.shape)
        values = self.volume.intensities(np.s_[::i, ::j, ::k])
        values = values[np.isfinite(values)]
        if values.size == 0 or values.min() < -5000.0:
            return False
        soft = np.mean((values > CT_SOFT[0]) & (values < CT_SOFT[1]))
        return bool(min(np.mean(values < CT_AIR), soft) >= CT_SHARE)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """Measures of the slices along each axis in which slices can be damaged."""
        spacing, shape = self.volume.spacing_mm, self.volume.shape
        axes = [
            axis
            for axis in range(3)
            if THICK * spacing[axis] >= max(spacing)
            and shape[axis] >= LEAST_SLICES
            and min(size for other, size in enumerate(shape) if other != axis) >= LEAST_PLANE
        ]
        dark, threshold, bright = self.levels
        if not axes or not dark < threshold < bright or not RANGE[0] < bright - dark < RANGE[1]:
            return ()
        values = self._above(dark)
        measured = (Stack.measured(values, axis, spacing, threshold - dark, bright - dark) for axis in axes)
        return tuple(stack for stack in measured if stack is not None)

    def _above(self, dark: float) -> FloatArray:
        """Return the intensities above the background, (I, J, K) float32; 0 where they are not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = self.volume.intensities().astype(np.float32, copy=False)
            values -= np.float32(dark)
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return values
