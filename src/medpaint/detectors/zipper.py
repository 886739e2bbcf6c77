"""Zipper lines: rows or columns of a run of slices that are far rougher than those beside them."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.stack import Stack

__all__ = ["roughness", "zipper"]

LIMITS: Final = Limits(1.6, 1.25, 1.1)
"""Roughness of a line as a multiple of that of the lines beside it, as a natural logarithm."""

BESIDE: Final = 11
"""A line is compared with the median of so many, itself in their middle."""

FLOOR: Final = 0.5
"""Lines through little tissue are compared with this share of the mean line at least."""

LEAST: Final = 1e-6
"""Lines smoother than this share of the roughest count as that rough."""

RUN: Final = 3
"""A line shows in so many slices in a row, at least."""

WHY: Final = "lines are up to {:.0f} times as rough as those beside them, in {} slices or more in a row"


def zipper(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find dotted lines that run along a row or a column, at the same place in a run of slices.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily lines are reported.
    """
    best, score, highest = np.zeros(scan.volume.shape, np.bool_), 0.0, 0.0
    for stack in scan.stacks:
        kept = stack.without(found)
        for across, lines in enumerate(kept.lines):
            rough = roughness(lines, _beside_damage(kept, found, across))
            if rough.max(initial=0.0) < LIMITS.at(sensitivity) or LIMITS.score(float(rough.max())) <= score:
                continue
            highest = float(rough.max())
            score = LIMITS.score(highest)
            best = _lines_mask(kept, rough >= LIMITS.at(sensitivity), across, scan.volume.shape)
    best &= ~found
    why = WHY.format(float(np.exp(highest)), RUN)
    findings = [Finding("zipper lines", best, why, score=score)] if best.any() else []
    return Detection.of(findings, scan.volume.shape)


def roughness(lines: FloatArray, left_out: Mask) -> FloatArray:
    """Return how much rougher each line is than those beside it, as a natural logarithm, (S, L).

    Of each run of `RUN` slices with the slice in it, the smoothest counts, and of those runs the roughest.

    Args:
        lines: roughness of lines, (S, L).
        left_out: True = this line does not count as rough, (S, L).
    """
    from scipy.ndimage import maximum_filter1d, median_filter, minimum_filter1d

    if lines.shape[0] < RUN:
        return np.zeros_like(lines)
    typical = lines.mean(axis=1, keepdims=True)
    floor = FLOOR * np.maximum(typical, np.median(typical))
    beside = np.maximum(median_filter(lines, (1, BESIDE), mode="nearest"), floor)
    least = max(LEAST * float(lines.max()), float(np.finfo(np.float32).tiny))
    rough = np.log(np.maximum(lines, least) / np.maximum(beside, least))
    rough[left_out] = 0.0
    opened: FloatArray = maximum_filter1d(minimum_filter1d(rough, RUN, axis=0), RUN, axis=0)
    return np.maximum(opened, 0.0)


def _beside_damage(stack: Stack, found: Mask, across: int) -> Mask:
    """Return which lines have a line on a side that is damaged throughout: its edges are rough, (S, L - 1).

    Args:
        stack: the slices.
        found: True = known to be damaged, (I, J, K).
        across: 0 for rows, 1 for columns.
    """
    damaged = np.asarray(np.moveaxis(found, stack.axis, 0).all(axis=2 - across))[stack.indices]
    beside: Mask = damaged[:, :-1] | damaged[:, 1:]
    return beside


def _lines_mask(stack: Stack, rough: Mask, across: int, shape: tuple[int, int, int]) -> Mask:
    """Return the mask of lines, each between two differences of voxels, (I, J, K).

    Args:
        stack: the slices.
        rough: whether the difference from one line to the next is rough, (S, L - 1).
        across: 0 for rows, 1 for columns.
        shape: of the scan.
    """
    lines = np.zeros((rough.shape[0], rough.shape[1] + 1), np.bool_)
    lines[:, :-1] |= rough
    lines[:, 1:] |= rough
    inner = lines.copy()
    inner[:, 1:-1] = rough[:, 1:] & rough[:, :-1]
    narrow = np.where(inner.any(axis=1, keepdims=True), inner, lines)
    mask = np.zeros(shape, np.bool_)
    frames = np.moveaxis(mask, stack.axis, 0)
    frames[stack.indices] = narrow[:, :, None] if across == 0 else narrow[:, None, :]
    return mask
