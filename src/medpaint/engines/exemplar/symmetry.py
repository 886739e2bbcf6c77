"""The other side of the body: the mirror plane about which a scan is most symmetric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.base import Known
from medpaint.engines.images import Image

__all__ = ["Symmetry", "symmetry_of"]

_COARSE_MM: Final = 4.0
"""Voxel size at which the scan is compared with its mirror image."""

_LEAST_CORRELATION: Final = 0.5
"""Smallest correlation with its mirror image at which a scan counts as symmetric."""


@dataclass(frozen=True)
class Symmetry:
    """How a scan maps onto its mirror image: flipped along an axis, then shifted by whole voxels.

    Attributes:
        axis: axis that is flipped.
        shift: voxel p of the scan corresponds to voxel p + shift of the flipped scan, (3,).
    """

    axis: int
    shift: tuple[int, int, int]

    def other_side(self, image: Image, known: Mask | Known, window: Window) -> tuple[FloatArray, Mask]:
        """Return the mirror image in a window, and where it is known; both of the window's shape."""
        inner, outer = self._places(window, image.shape)
        values = np.zeros([part.stop - part.start for part in window], dtype=image.dtype)
        values[inner] = np.flip(image[outer], self.axis)
        return values, self.mirrored(known, window)

    def mirrored(self, mask: Mask | Known, window: Window) -> Mask:
        """Return the mirror image of a mask in a window, of its shape; False where that lies outside the scan."""
        inner, outer = self._places(window, mask.shape)
        there = np.zeros([part.stop - part.start for part in window], dtype=bool)
        there[inner] = np.flip(mask[outer], self.axis)
        return there

    def _places(self, window: Window, shape: tuple[int, ...]) -> tuple[Window, Window]:
        """Return which part of a window corresponds to which part of the scan, before that is flipped."""
        inner, outer = [], []
        for part, step, size in zip(window, self.shift, shape, strict=True):
            first, last = max(part.start + step, 0), min(part.stop + step, size)
            outer.append(slice(first, max(first, last)))
            inner.append(slice(first - part.start - step, max(first, last) - part.start - step))
        far = outer[self.axis]
        outer[self.axis] = slice(shape[self.axis] - far.stop, shape[self.axis] - far.start)
        return (inner[0], inner[1], inner[2]), (outer[0], outer[1], outer[2])


def symmetry_of(image: Image, spacing_mm: Spacing) -> Symmetry | None:
    """Return the axis and shift at which a scan is most like its mirror image, or None if it is not symmetric.

    The scan is compared with its mirror image along each axis, at every shift, by cross-correlation at 4 mm.

    Args:
        image: intensities, finite throughout, (I, J, K).
        spacing_mm: voxel size along I, J, K.
    """
    steps = tuple(max(1, round(_COARSE_MM / size)) for size in spacing_mm)
    coarse = _averaged(image, steps)
    coarse -= coarse.mean()
    power = float(np.square(coarse).sum())
    if power == 0.0:
        return None
    best, found = _LEAST_CORRELATION, None
    lengths = [next_fast_len(2 * size - 1, real=True) for size in coarse.shape]
    spectrum = np.conj(rfftn(coarse, lengths))
    for axis in range(3):
        if image.shape[axis] == 1:
            continue
        product, moved = _best_shift(spectrum, np.flip(coarse, axis), lengths)
        if product <= best * power:
            continue
        best = product / power
        shift = [place * step for place, step in zip(moved, steps, strict=True)]
        shift[axis] += max(0, image.shape[axis] - coarse.shape[axis] * steps[axis])
        found = Symmetry(axis, (shift[0], shift[1], shift[2]))
    return found


def _averaged(image: Image, steps: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the means of boxes of `steps` voxels; incomplete boxes at the far ends are dropped."""
    i, j, k = (min(size, max(1, size // step) * step) for size, step in zip(image.shape, steps, strict=True))
    slabs = (image[0:i, 0:j, first : min(first + steps[2], k)] for first in range(0, k, steps[2]))
    return np.concatenate([_boxed(slab, steps) for slab in slabs], axis=2)


def _boxed(slab: FloatArray, steps: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the means of the boxes of a slab."""
    boxed = slab
    for axis, step in enumerate(steps):
        lines = np.moveaxis(boxed, axis, 0)
        total = lines[::step].copy()
        for first in range(1, min(step, len(lines))):
            total += lines[first::step]
        boxed = np.moveaxis(total / step, 0, axis)
    return boxed.astype(np.float64)


def _best_shift(
    spectrum: NDArray[np.complex128], second: NDArray[np.float64], lengths: list[int]
) -> tuple[float, list[int]]:
    """Return the largest sum of ``first[p] * second[p + t]`` over all shifts t, and that shift, (3,).

    Args:
        spectrum: the conjugate of that of `first`, which has the shape of `second`.
        second: the other one, (I, J, K).
        lengths: that both are padded to.
    """
    products = irfftn(spectrum * rfftn(second, lengths), lengths, overwrite_x=True)
    peak = np.unravel_index(int(products.argmax()), products.shape)
    shift = [
        int(place) if place < size else int(place) - length
        for place, size, length in zip(peak, second.shape, lengths, strict=True)
    ]
    return float(products[peak]), shift
