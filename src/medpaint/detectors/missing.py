"""Slices that an acquisition lost: they are blank, although the tissue continues on both sides."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.foreground import Foreground, foreground_of
from medpaint.core.slices import slices_mask
from medpaint.core.types import Array, Mask
from medpaint.detectors.base import Detection, Finding, Sensitivity
from medpaint.detectors.examined import Examined

__all__ = ["missing_slices"]

LEAST_TISSUE: Final = 0.02
"""The slices next to a gap have at least this share of the fullest slice's tissue, or the gap is background."""

VALLEY: Final = 0.6
"""Between two legs the tissue tapers off towards the gap on both sides: the slice next to the gap has less than
this share of the tissue a little further out. Next to lost slices that happens on one side at most."""

FURTHER_OUT: Final = 0.05
"""How far "a little further out" is, as a share of the slices along the axis."""

WHY: Final = "each slice has one constant value or no finite one, and tissue continues on both sides of the gap"


def missing_slices(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:  # noqa: ARG001 - exact
    """Find missing slices along every axis.

    A slice is missing if all its values are one value or NaN (dropped slices are usually stored as zeros), it lies
    between slices that contain an image, and the tissue does not taper off towards it on both sides.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: of no account, because the signal is exact.
    """
    volume = scan.volume
    mask = np.zeros(volume.shape, np.bool_)
    findings: list[Finding] = []
    data = volume.data
    if data.dtype.kind == "f":
        data = np.where(np.isfinite(data), data, np.nan)
    blank = [_blank_slices(data, axis) for axis in range(3)]
    if any(candidates.size for candidates in blank):
        foreground = foreground_of(volume, found)
        for axis, candidates in enumerate(blank):
            finding = _finding(volume.data, axis, candidates, foreground, found)
            if finding is not None:
                mask |= finding.mask
                findings.append(finding)
    return Detection(mask, tuple(findings))


def _finding(data: Array, axis: int, blank: Array, foreground: Foreground, found: Mask) -> Finding | None:
    """Return the missing slices along one axis that are not known yet, if there are any."""
    slices = _cut_off(data, axis, blank, foreground) if blank.size else ()
    i, j, k = data.shape
    mask = slices_mask((i, j, k), axis, slices) & ~found
    unknown = tuple(index for index in slices if np.take(mask, index, axis=axis).any())
    return Finding("missing slices", mask, WHY, "IJK"[axis], unknown) if unknown else None


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
    """Return the blank slices that cut through tissue, rather than lie between two bodies."""
    others = tuple(other for other in range(3) if other != axis)
    fullest = float(foreground.tissue.mean(axis=others).max())
    full = np.setdiff1d(np.arange(data.shape[axis]), blank)
    content = np.array([np.mean(np.take(data, index, axis=axis) > foreground.threshold) for index in full])
    further = max(3, round(FURTHER_OUT * data.shape[axis]))
    after = np.searchsorted(full, blank)
    before = after - 1
    tapers_before = content[before] < VALLEY * content[np.maximum(before - further, 0)]
    tapers_after = content[after] < VALLEY * content[np.minimum(after + further, full.size - 1)]
    enough = np.minimum(content[before], content[after]) >= LEAST_TISSUE * fullest
    return tuple(int(index) for index in blank[enough & ~(tapers_before & tapers_after)])
