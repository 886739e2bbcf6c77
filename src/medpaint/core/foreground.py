"""A rough separation of tissue from background, for checks and not for measurements."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box
from medpaint.core.types import Array, Mask, Window
from medpaint.core.volume import Volume

__all__ = ["Foreground", "foreground_of", "stride_of", "threshold_of"]

RANGE_SHARE: Final = 0.1
"""Tissue starts this share of the robust range (1st to 99th percentile) above its low end."""

ENOUGH_VOXELS: Final = 2_000_000
"""Larger volumes are sampled at every n-th voxel of each axis."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """Tissue, on a coarser grid.

    Attributes:
        tissue: True = tissue, every `stride`-th voxel of the volume along each axis.
        masked: the mask on the same coarser grid.
        stride: steps along I, J, K, in voxels.
        box: window of the full volume with all tissue; the whole volume if none was found.
        threshold: stored values above it count as tissue.
    """

    tissue: Mask
    masked: Mask
    stride: tuple[int, int, int]
    box: Window
    threshold: float

    @property
    def masked_share(self) -> float:
        """Masked voxels within the tissue's box, as a share of themselves plus the tissue outside the mask."""
        coarse = tuple(
            slice(part.start // n, ceil(part.stop / n)) for part, n in zip(self.box, self.stride, strict=True)
        )
        masked = int(np.count_nonzero(self.masked[coarse]))
        total = masked + int(np.count_nonzero(self.tissue & ~self.masked))
        return masked / total if total else 0.0


def foreground_of(volume: Volume, mask: Mask, *, outside: bool = False) -> Foreground:
    """Separate tissue from background by intensity.

    The threshold errs towards tissue, so that a check against it errs towards letting a scan through.

    Args:
        volume: the scan, (I, J, K).
        mask: True = repair, (I, J, K).
        outside: look at the voxels outside the mask only, because what is under it means nothing.
    """
    i, j, k = stride_of(volume.shape)
    coarsely: Window = np.s_[::i, ::j, ::k]
    values: Array = volume.data[coarsely].astype(np.float64)
    finite = np.isfinite(values) & ~volume.encoding.at(coarsely, volume.shape).is_padding(values)
    if outside:
        finite &= ~mask[coarsely]
    threshold = threshold_of(values[finite])
    tissue = finite & (values > threshold)
    whole: Window = (slice(0, volume.shape[0]), slice(0, volume.shape[1]), slice(0, volume.shape[2]))
    coarse = bounding_box(tissue)
    box = whole if coarse is None else _fine(coarse, (i, j, k), volume.shape)
    return Foreground(tissue, mask[coarsely], (i, j, k), box, threshold)


def threshold_of(values: Array) -> float:
    """Return the value above which a voxel counts as tissue; below all values if they are all equal."""
    if values.size == 0:
        return -np.inf
    low, high = np.percentile(values, [1.0, 99.0])
    if high <= low:
        return float(np.nextafter(low, -np.inf))
    half_range = high / 2.0 - low / 2.0
    return float(low + 2.0 * RANGE_SHARE * half_range)


def stride_of(shape: tuple[int, int, int], *, enough: int = ENOUGH_VOXELS) -> tuple[int, int, int]:
    """Return steps that reduce a volume of `shape` to about `enough` voxels."""
    step = ceil((np.prod(shape, dtype=float) / enough) ** (1 / 3))
    i, j, k = (min(step, max(1, size // 8)) for size in shape)
    return i, j, k


def _fine(window: Window, stride: tuple[int, int, int], shape: tuple[int, int, int]) -> Window:
    """Return the window of the full volume that corresponds to a window of the coarser grid."""
    i, j, k = (
        slice(part.start * n, min(part.stop * n, size))
        for part, n, size in zip(window, stride, shape, strict=True)
    )
    return i, j, k
