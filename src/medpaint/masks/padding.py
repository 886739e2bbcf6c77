"""Padding voxels, which are not image and are never repaired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from medpaint.core.types import Mask
from medpaint.core.volume import Volume

__all__ = ["without_padding"]


def without_padding(mask: Mask, scan: Volume, *, absent: Sequence[int] = ()) -> tuple[Mask, tuple[str, ...]]:
    """Return a mask without the scan's padding voxels, and warnings about them.

    A slice along K that is padding throughout, between slices that are not, has lost its image. Of its voxels only
    those count as padding that are padding in the nearest such slices on both sides.

    Args:
        mask: (I, J, K).
        scan: the scan on the same grid.
        absent: slices that were absent from the scan and put back, which need no warning.
    """
    if scan.encoding.padding is None:
        return mask, ()
    kept = mask.copy(order="K")
    lost = 0
    for k in np.flatnonzero(mask.any(axis=(0, 1))).tolist():
        padded = _padding_of(scan, k)
        if padded.all() and (sides := _sides(scan, k)):
            padded = sides[0] & sides[1]
            lost += k not in absent
        kept[:, :, k] &= ~padded
    return kept, _warnings(lost, int(np.count_nonzero(mask)) - int(np.count_nonzero(kept)))


def _warnings(lost: int, dropped: int) -> tuple[str, ...]:
    """Return the warnings about lost slices and dropped voxels."""
    warnings: tuple[str, ...] = ()
    if lost:
        subject = "1 slice of the mask is" if lost == 1 else f"{lost} slices of the mask are"
        warnings += (f"{subject} padding throughout, between slices with an image: taken for lost, and filled",)
    if dropped:
        warnings += (f"{dropped} voxels of the mask are padding, not image, and stay as they are",)
    return warnings


def _padding_of(scan: Volume, k: int) -> Mask:
    """Return which voxels of a slice are padding, (I, J)."""
    window = (slice(None), slice(None), slice(k, k + 1))
    return scan.encoding.at(window, scan.shape).is_padding(scan.data[window])[:, :, 0]


def _sides(scan: Volume, k: int) -> tuple[Mask, Mask] | None:
    """Return the padding of the nearest slices with an image on both sides of a slice; None if a side has none."""
    below = _first_with_image(scan, range(k - 1, -1, -1))
    above = _first_with_image(scan, range(k + 1, scan.shape[2]))
    return None if below is None or above is None else (below, above)


def _first_with_image(scan: Volume, numbers: Iterable[int]) -> Mask | None:
    """Return the padding of the first of some slices that is not padding throughout, (I, J)."""
    return next((padded for padded in (_padding_of(scan, k) for k in numbers) if not padded.all()), None)
