"""Damage that shows by itself: slices that carry nothing, voxels that are no number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.masks.foreground import Foreground, foreground_of

__all__ = ["Detection", "Finding", "detect"]

NEIGHBOUR_SHARE: Final = 0.1
"""A gap counts as damage where the slices on both sides hold at least this share of the fullest slice's
tissue; between two legs, or beyond the top of a head, they hold next to none."""


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
    rule), it lies between slices that are not, and both of these hold tissue. Non-finite voxels count as
    damage where they lie inside the scan; those connected to its border are taken for background and kept.

    Args:
        scan: the scan, (I, J, K).
    """
    mask = np.zeros(scan.shape, np.bool_)
    findings: list[Finding] = []
    blank = [_blank_slices(scan.data, axis) for axis in range(3)]
    if any(found.size for found in blank):
        tissue = foreground_of(scan, mask)
        for axis, candidates in enumerate(blank):
            slices = _with_neighbours(scan.data, axis, candidates, tissue)
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
    """Return the slices that are constant or NaN and lie between slices that are neither."""
    if data.shape[axis] < 3:
        return np.empty(0, np.intp)
    others = tuple(other for other in range(3) if other != axis)
    low, high = (
        function.reduce(function.reduce(data, axis=others[1]), axis=others[0]) for function in (np.fmin, np.fmax)
    )
    full = np.flatnonzero((high > low) | np.isinf(low) | np.isinf(high))
    if full.size < 2:
        return np.empty(0, np.intp)
    inner = np.arange(full[0], full[-1])
    return np.setdiff1d(inner, full)


def _with_neighbours(data: Array, axis: int, candidates: Array, foreground: Foreground) -> tuple[int, ...]:
    """Return those candidates whose nearest filled slices on both sides hold enough tissue."""
    others = tuple(other for other in range(3) if other != axis)
    enough = NEIGHBOUR_SHARE * float(foreground.tissue.mean(axis=others).max())
    full = np.setdiff1d(np.arange(data.shape[axis]), candidates)
    after = np.searchsorted(full, candidates)
    sides = np.stack([full[after - 1], full[after]])
    content = {side: np.mean(np.take(data, side, axis=axis) > foreground.threshold) for side in np.unique(sides)}
    return tuple(
        int(index)
        for index, pair in zip(candidates, sides.T, strict=True)
        if min(map(content.get, pair)) >= enough
    )


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
