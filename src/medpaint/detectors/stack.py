"""Measures of the slices along one axis, which detectors share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from medpaint.core.types import Array, FloatArray, Mask, Spacing
from medpaint.detectors.neighbours import FARTHEST, predicted
from medpaint.detectors.spectra import peaks_of

__all__ = ["FULL_BLOCK", "Stack"]

BLOCK_MM: Final = 8.0
"""Edge of the blocks of a slice over which measures are averaged."""

FULL_BLOCK: Final = 0.9
"""A block of which this share is tissue, here and in what the neighbours predict, is compared."""

ENOUGH: Final = 0.15
"""A slice is judged if it has this share of the full blocks of the fullest slice, and at least `LEAST_BLOCKS`."""

LEAST_BLOCKS: Final = 16

QUIET: Final = 1e-3
"""Differences below this share of bright tissue are no noise: they come from rounding."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Measures of S slices along an axis, those left out that are blank.

    Attributes:
        axis: which axis, 0 to 2.
        step_mm: distance of the slices.
        indices: indices of the slices in the volume, (S,).
        brightness: mean intensity above the background in blocks, (S, H, W).
        noise: median absolute diagonal detail in blocks (first level of the Haar wavelet), (S, H, W).
        covered: share of tissue in blocks, (S, H, W).
        peaks: highest ratio of a slice's spectrum to what its neighbours predict, (S,).
        waves: where that is, in cycles per voxel along both axes of the slice, (S, 2).
        lines: how rough each row and each column of the slices is, (S, rows - 1) and (S, columns - 1).
        block: edges of the blocks in voxels.
    """

    axis: int
    step_mm: float
    indices: Array
    brightness: FloatArray
    noise: FloatArray
    covered: FloatArray
    peaks: FloatArray
    waves: FloatArray
    lines: tuple[FloatArray, FloatArray]
    block: tuple[int, int]

    @classmethod
    def measured(
        cls, values: FloatArray, axis: int, spacing_mm: Spacing, threshold: float, bright: float
    ) -> Stack | None:
        """Measure the slices along an axis; None where too few of them have an image.

        Args:
            values: intensities above the background, finite, (I, J, K) float32.
            axis: which axis.
            spacing_mm: voxel size along I, J, K.
            threshold: values above it are tissue.
            bright: value of bright tissue.
        """
        frames = np.moveaxis(values, axis, 0)
        indices = np.flatnonzero(frames.max(axis=(1, 2)) > frames.min(axis=(1, 2)))
        if indices.size <= 2 * FARTHEST:
            return None
        frames = np.ascontiguousarray(frames[indices])
        high, wide = (
            max(4, 2 * round(BLOCK_MM / 2 / size)) for other, size in enumerate(spacing_mm) if other != axis
        )
        brightness = _blocked(frames, high, wide).mean(axis=-1, dtype=np.float32)
        covered = _blocked((frames > threshold).astype(np.float32), high, wide).mean(axis=-1, dtype=np.float32)
        detail = np.median(_blocked(_diagonal(frames), high // 2, wide // 2), axis=-1)
        noise = np.maximum(detail, np.float32(QUIET * bright))
        peaks, waves = peaks_of(frames)
        return cls(
            axis, spacing_mm[axis], indices, brightness, noise, covered, peaks, waves, _lines(frames), (high, wide)
        )

    @cached_property
    def body(self) -> Mask:
        """Which blocks are full of tissue by what the neighbours predict, (S, H, W)."""
        with np.errstate(invalid="ignore"):
            full: Mask = predicted(self.covered) >= FULL_BLOCK
        return full

    @property
    def judged(self) -> Mask:
        """Which slices have enough tissue to be compared with their neighbours, (S,)."""
        return self.enough(self.body)

    def enough(self, body: Mask, share: float = ENOUGH) -> Mask:
        """Return which slices, (R,), have enough blocks of tissue in `body`, (R, H, W), to be compared.

        Args:
            body: which blocks are full of tissue.
            share: of the fullest slice's blocks.
        """
        fullest = int(np.count_nonzero(self.covered >= FULL_BLOCK, axis=(1, 2)).max(initial=0))
        counts = np.count_nonzero(body, axis=(1, 2))
        judged: Mask = counts >= max(LEAST_BLOCKS, share * fullest)
        return judged

    def between(self, before: slice, after: slice) -> Mask:
        """Return which blocks are full of tissue in the slices before and in those after, (R, H, W)."""
        full: Mask = np.minimum(self.covered[before], self.covered[after]) >= FULL_BLOCK
        return full

    def voxels_of(self, chosen: Mask, shape: tuple[int, int, int]) -> Mask:
        """Return the mask of the voxels in chosen blocks, (S, H, W), of a volume of `shape`, (I, J, K)."""
        mask = np.zeros(shape, np.bool_)
        frames = np.moveaxis(mask, self.axis, 0)
        fine = chosen.repeat(self.block[0], axis=1).repeat(self.block[1], axis=2)
        top, left = ((size - part) // 2 for size, part in zip(frames.shape[1:], fine.shape[1:], strict=True))
        inner = np.zeros((len(fine), *frames.shape[1:]), np.bool_)
        inner[:, top : top + fine.shape[1], left : left + fine.shape[2]] = fine
        frames[self.indices] = inner
        return mask

    def without(self, found: Mask) -> Stack:
        """Return the stack without the slices in which everything is known to be damaged.

        Args:
            found: True = known to be damaged, (I, J, K).
        """
        others = tuple(other for other in range(3) if other != self.axis)
        kept = ~np.asarray(found.all(axis=others))[self.indices]
        if kept.all():
            return self
        return replace(
            self,
            indices=self.indices[kept],
            brightness=self.brightness[kept],
            noise=self.noise[kept],
            covered=self.covered[kept],
            peaks=self.peaks[kept],
            waves=self.waves[kept],
            lines=(self.lines[0][kept], self.lines[1][kept]),
        )


def _blocked(frames: FloatArray, high: int, wide: int) -> FloatArray:
    """Return the voxels of each block of each slice, (S, H, W, N); what is left over at the edges is left out."""
    count, rows, columns = frames.shape
    down, across = rows // high, columns // wide
    top, left = (rows - down * high) // 2, (columns - across * wide) // 2
    inner = frames[:, top : top + down * high, left : left + across * wide]
    parted = inner.reshape(count, down, high, across, wide).swapaxes(2, 3)
    voxels: FloatArray = parted.reshape(count, down, across, high * wide)
    return voxels


def _lines(frames: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean difference of differences in each row and each column, which straight edges do not raise."""
    rough = np.diff(np.diff(frames, axis=1), axis=2)
    np.abs(rough, out=rough)
    return rough.mean(axis=2), rough.mean(axis=1)


def _diagonal(frames: FloatArray) -> FloatArray:
    """Return the absolute diagonal detail of each slice's squares of four voxels, (S, H // 2, W // 2)."""
    even = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]
    detail = even[:, ::2, ::2] - even[:, 1::2, ::2] - even[:, ::2, 1::2] + even[:, 1::2, 1::2]
    absolute: FloatArray = np.abs(detail, out=detail)
    absolute *= np.float32(0.5)
    return absolute
