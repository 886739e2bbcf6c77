"""Damage that shows by itself: slices that carry nothing, voxels that are no number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from medpaint.core.foreground import Foreground, foreground_of
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume

__all__ = ["Detection", "Finding", "detect"]

LEAST_TISSUE: Final = 0.02
"""Slices beside a gap hold at least this share of the fullest slice's tissue, or the gap is background."""

VALLEY: Final = 0.6
"""Between two legs the tissue dwindles towards the gap on both sides: beside it there is less than this share of
what there is a little further out. Beside lost slices it does so on one side at most."""

FURTHER_OUT: Final = 0.05
"""How far that is, as a share of the slices along the axis."""


@dataclass(frozen=True)
class Finding:
    """One kind of damage found.

    Attributes:
        kind: ``missing slices`` or ``non-finite voxels``.
        voxels: how many voxels it covers.
        axis: I, J or K for slices, else empty.
        slices: indices of the slices along that axis, else empty.
    """

    kind: str
    voxels: int
    axis: str = ""
    slices: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found.

    Attributes:
        mask: True = damaged, (I, J, K).
        findings: what the mask is made of.
        warnings: what was seen and left alone, a sentence each.
    """

    mask: Mask
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]


def detect(scan: Volume) -> Detection:
    """Find missing slices and non-finite voxels.

    A slice is missing where all its values are one value or NaN (dropped slices are stored as zeros as a
    rule), it lies between slices that are not, and the tissue beside it does not end there. Non-finite
    voxels count as damage where they lie inside the scan; those connected to its border are background.

    Args:
        scan: the scan, (I, J, K).
    """
    mask = np.zeros(scan.shape, np.bool_)
    findings: list[Finding] = []
    data = scan.data if scan.data.dtype.kind != "f" else np.where(np.isfinite(scan.data), scan.data, np.nan)
    blank = [_blank_slices(data, axis) for axis in range(3)]
    if any(found.size for found in blank):
        tissue = foreground_of(scan, mask)
        for axis, candidates in enumerate(blank):
            slices = _cut_off(scan.data, axis, candidates, tissue) if candidates.size else ()
            if slices:
                mask[(slice(None),) * axis + (list(slices),)] = True
                findings.append(
                    Finding("missing slices", len(slices) * mask.size // scan.shape[axis], "IJK"[axis], slices)
                )
    warnings: tuple[str, ...] = ()
    if scan.data.dtype.kind == "f":
        inside, outside = _non_finite(scan.data, mask)
        if inside.any():
            mask |= inside
            findings.append(Finding("non-finite voxels", int(np.count_nonzero(inside))))
        if outside:
            warnings = (f"{outside} non-finite voxels reach the scan's border; taken for background and kept",)
    return Detection(mask, tuple(findings), warnings)


def _blank_slices(data: Array, axis: int) -> Array:
    """Return the slices that are constant or NaN throughout and lie between slices that are neither."""
    if data.shape[axis] < 3:
        return np.empty(0, np.intp)
    others = tuple(other for other in range(3) if other != axis)
    low, high = (
        function.reduce(function.reduce(data, axis=others[1]), axis=others[0]) for function in (np.fmin, np.fmax)
    )
    full = np.flatnonzero(high > low)
    if full.size < 2:
        return np.empty(0, np.intp)
    inner = np.arange(full[0], full[-1])
    return np.setdiff1d(inner, full)


def _cut_off(data: Array, axis: int, blank: Array, foreground: Foreground) -> tuple[int, ...]:
    """Return those of the blank slices that cut through tissue, instead of lying between two bodies."""
    others = tuple(other for other in range(3) if other != axis)
    fullest = float(foreground.tissue.mean(axis=others).max())
    full = np.setdiff1d(np.arange(data.shape[axis]), blank)
    content = np.array([np.mean(np.take(data, index, axis=axis) > foreground.threshold) for index in full])
    further = max(3, round(FURTHER_OUT * data.shape[axis]))
    after = np.searchsorted(full, blank)
    before = after - 1
    dwindles_before = content[before] < VALLEY * content[np.maximum(before - further, 0)]
    dwindles_after = content[after] < VALLEY * content[np.minimum(after + further, full.size - 1)]
    enough = np.minimum(content[before], content[after]) >= LEAST_TISSUE * fullest
    return tuple(int(index) for index in blank[enough & ~(dwindles_before & dwindles_after)])


def _non_finite(data: Array, missing: Mask) -> tuple[Mask, int]:
    """Return the non-finite voxels inside the scan, and how many reach its border."""
    from scipy.ndimage import label

    bad = ~np.isfinite(data) & ~missing
    if not bad.any():
        return bad, 0
    parts, _ = label(bad)
    faces = [np.unique(parts[(slice(None),) * axis + ([0, -1],)]) for axis in range(3) if data.shape[axis] > 1]
    outer = np.isin(parts, np.setdiff1d(np.concatenate(faces), 0))
    return bad & ~outer, int(np.count_nonzero(outer))
