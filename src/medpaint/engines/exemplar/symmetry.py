"""The other side: where a scan is, mirrored, most like itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, next_fast_len, rfftn

from medpaint.core.types import FloatArray, Mask, Spacing, Window

__all__ = ["Symmetry", "symmetry_of"]

_COARSE_MM: Final = 4.0
"""Voxel size at which the mirror image is held against the scan."""

_LEAST_ALIKE: Final = 0.5
"""Correlation with its mirror image from which a scan counts as having two like sides."""


@dataclass(frozen=True)
class Symmetry:
    """How a scan is mirrored onto itself: flipped along an axis, then moved by whole voxels.

    Attributes:
        axis: axis that is flipped.
        shift: voxel p of the scan is like voxel p + shift of the flipped scan, (3,).
    """

    axis: int
    shift: tuple[int, int, int]

    def other_side(self, image: FloatArray, known: Mask, window: Window) -> tuple[FloatArray, Mask]:
        """Return what the mirror image shows in a window, and where it is known; both of the window's shape."""
        flipped, certain = np.flip(image, self.axis), np.flip(known, self.axis)
        values = np.zeros([part.stop - part.start for part in window], dtype=image.dtype)
        there = np.zeros(values.shape, dtype=bool)
        inner, outer = [], []
        for part, step, size in zip(window, self.shift, image.shape, strict=True):
            first, last = max(part.start + step, 0), min(part.stop + step, size)
            outer.append(slice(first, max(first, last)))
            inner.append(slice(first - part.start - step, max(first, last) - part.start - step))
        values[tuple(inner)] = flipped[tuple(outer)]
        there[tuple(inner)] = certain[tuple(outer)]
        return values, there


def symmetry_of(image: FloatArray, spacing_mm: Spacing) -> Symmetry | None:
    """Return the axis and place at which a scan is most like its mirror image, or None where it is not.

    The scan is held against its mirror image along each axis, at every shift, by cross-correlation at 4 mm.

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
    best, found = _LEAST_ALIKE, None
    for axis in range(3):
        if image.shape[axis] == 1:
            continue
        products = _correlation(coarse, np.flip(coarse, axis))
        peak = np.unravel_index(int(products.argmax()), products.shape)
        if products[peak] <= best * power:
            continue
        best = float(products[peak]) / power
        shift = [
            (int(place) if place < size else int(place) - length) * step
            for place, size, length, step in zip(peak, coarse.shape, products.shape, steps, strict=True)
        ]
        shift[axis] += max(0, image.shape[axis] - coarse.shape[axis] * steps[axis])
        found = Symmetry(axis, (shift[0], shift[1], shift[2]))
    return found


def _averaged(image: FloatArray, steps: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the means of boxes of `steps` voxels; what is left over at the far ends is left out."""
    cut = image[
        tuple(slice(0, max(1, size // step) * step) for size, step in zip(image.shape, steps, strict=True))
    ]
    boxed = np.asarray(cut)
    for axis, step in enumerate(steps):
        starts = np.arange(0, boxed.shape[axis], step)
        boxed = np.add.reduceat(boxed, starts, axis=axis) / step
    return boxed.astype(np.float64)


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of ``first[p] * second[p + t]`` for all shifts t, negative ones counted from the end."""
    shape = [next_fast_len(2 * size - 1, real=True) for size in first.shape]
    correlation: NDArray[np.float64] = irfftn(np.conj(rfftn(first, shape)) * rfftn(second, shape), shape)
    return correlation
