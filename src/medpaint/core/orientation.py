"""Volumes turned so that their axes point right, anterior and superior, without resampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from medpaint.core.geometry import axis_codes
from medpaint.core.types import Affine, Spacing, Window

__all__ = ["Orientation"]

_Value = TypeVar("_Value", bound=np.generic)

_WORLD: Final = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}


@dataclass(frozen=True)
class Orientation:
    """The permutation and the flips that turn stored axes into right, anterior, superior.

    Attributes:
        axes: for each anatomical axis, the stored axis closest to it.
        flips: anatomical axes along which the stored order is reversed.
    """

    axes: tuple[int, int, int]
    flips: tuple[int, ...]

    @classmethod
    def of(cls, affine: Affine) -> Orientation:
        """Return the orientation of a grid, (4, 4) to RAS+ mm."""
        codes = axis_codes(affine)
        axes = np.argsort([_WORLD[code] for code in codes])
        flips = tuple(number for number, axis in enumerate(axes) if codes[axis] in "LPI")
        return cls((int(axes[0]), int(axes[1]), int(axes[2])), flips)

    def turned(self, stored: NDArray[_Value]) -> NDArray[_Value]:
        """Return a view of a stored array, (I, J, K), with its axes pointing right, anterior, superior."""
        return np.flip(np.transpose(stored, self.axes), self.flips)

    def turned_back(self, turned: NDArray[_Value]) -> NDArray[_Value]:
        """Return a view of a turned array with its axes as they are stored."""
        return np.transpose(np.flip(turned, self.flips), np.argsort(self.axes))

    def stored(self, window: Window, shape: tuple[int, ...]) -> Window:
        """Return a window of a turned array as one of the stored array; `shape` is that of the turned array."""
        parts = [slice(0, 0)] * 3
        for number, (axis, part) in enumerate(zip(self.axes, window, strict=True)):
            length = shape[number]
            parts[axis] = slice(length - part.stop, length - part.start) if number in self.flips else part
        return parts[0], parts[1], parts[2]

    def spacing(self, stored: Spacing) -> Spacing:
        """Return the voxel size along the turned axes, mm."""
        i, j, k = (stored[axis] for axis in self.axes)
        return i, j, k
