"""The fourth step: the fill is blended into the scan."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Final

import numpy as np

from medpaint.blend import alpha_in_mask, blended, clipped
from medpaint.core.boxes import bounding_box, grown
from medpaint.core.checksum import checksum_outside
from medpaint.core.text import distinct_digits
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.metrics.healthy_seam import healthy_seams
from medpaint.metrics.seam import REACH, seam_score
from medpaint.parameters import WriteParameters
from medpaint.pipeline.case import Blended, Filled
from medpaint.record.entries import BlendEntry

__all__ = ["blend"]

_VISIBLE: Final = 1.3
"""Seam up to which a border does not show."""

_ENOUGH: Final = 3
"""Fewest places in healthy tissue that a seam is compared with; with fewer, twice `_VISIBLE` is the limit."""


def blend(volume: Volume, filled: Filled, parameters: WriteParameters, *, in_place: bool = False) -> Blended:
    """Blend a fill into the scan that it was made for.

    Args:
        volume: the scan.
        filled: the fill of its mask.
        parameters: width of the soft edge.
        in_place: change the scan's own array instead of a copy; the caller must not use the scan any more.
    """
    started = perf_counter()
    alpha = alpha_in_mask(filled.mask, volume.spacing_mm, parameters.edge_mm)
    checksum = checksum_outside(volume.data, filled.mask)
    restored = replace(volume, data=blended(volume, filled.mask, filled.values, alpha, in_place=in_place))
    seam = _seam(restored, filled.mask)
    entry = BlendEntry(
        seam=seam,
        warnings=(
            *_weak_blend(alpha),
            *_clipped(clipped(volume, filled.mask, filled.values)),
            *_visible(seam, restored, filled.mask),
        ),
        seconds=round(perf_counter() - started, 4),
    )
    return Blended(restored, filled.mask, checksum, filled.draft.blended(entry, parameters))


def _weak_blend(alpha: FloatArray) -> tuple[str, ...]:
    """Warn where the fill has its full weight nowhere."""
    if not alpha.size or alpha.max() >= 1.0:
        return ()
    most = distinct_digits(float(alpha.max()), 1.0)
    return (f"the soft edge is wider than the mask: the fill weighs {most} at most, the scan the rest",)


def _clipped(count: int) -> tuple[str, ...]:
    """Warn where slices could not store what was filled in them."""
    if not count:
        return ()
    return (f"{count} filled voxels exceed what the scaling of their slice can store, and got the nearest value",)


def _visible(seam: float | None, restored: Volume, mask: Mask) -> tuple[str, ...]:
    """Warn where the border shows more than the same shape anywhere in healthy tissue."""
    if seam is None or seam <= _VISIBLE:
        return ()
    healthy = healthy_seams(restored, mask)
    enough = len(healthy) >= _ENOUGH
    limit = max(_VISIBLE, *healthy) if enough else 2.0 * _VISIBLE
    if seam <= limit:
        return ()
    beside = f"in healthy tissue it is at most {max(healthy):.2f}" if enough else "1 does not show"
    remedy = "look at the border, enlarge the mask with --dilate-mm, or close the gap with --membrane"
    return (f"the border of the mask shows: its seam is {distinct_digits(seam, limit)}, {beside}; {remedy}",)


def _seam(restored: Volume, mask: Mask) -> float | None:
    """Return the seam score, rounded; None where there is none."""
    box = bounding_box(mask)
    if box is None:
        return None
    window = grown(box, (REACH, REACH, REACH), mask.shape)
    score = seam_score(restored.intensities(window), mask[window], restored.spacing_mm)
    return round(score, 4) if np.isfinite(score) else None
