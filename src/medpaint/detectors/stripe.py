"""Stripes: every second slice of a run brighter or darker."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.neighbours import quantiles
from medpaint.detectors.slicewise import detection_of, most_certain, slices_found
from medpaint.detectors.stack import Stack

__all__ = ["alternation", "steps", "stripe"]

LIMITS: Final = Limits(0.06, 0.04, 0.025)
"""Step of brightness from slice to slice, as a natural logarithm, in the median block."""

SHORTEST: Final = 5
"""So many slices in a row are brighter and darker by turns in a stripe pattern; in chance, fewer."""

LEAST: Final = 1e-3
"""A smaller share of what is expected, or of the brightest block, counts as this one."""

EVEN: Final = 0.4
"""The smallest step in such a row is at least this share of the largest: one dark slice makes uneven ones."""

OUTERMOST: Final = 0.75
"""A slice at the end of a run has a full step if it has this share of the next one's."""


def stripe(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find runs in which every second slice is brighter or darker.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily slices are reported.
    """

    def striped(stack: Stack) -> Finding | None:
        return _finding(stack, LIMITS.at(sensitivity), found)

    return detection_of(most_certain(scan, found, striped), scan)


def steps(stack: Stack) -> FloatArray:
    """Return how much brighter each slice is than the mean of its two neighbours, as a natural logarithm, (S,).

    The median over blocks; 0 where a slice is not judged.
    """
    brightness = stack.brightness
    middle = slice(1, len(brightness) - 1)
    mean = (brightness[:-2] + brightness[2:]) * np.float32(0.5)
    floor = np.float32(LEAST) * brightness.max(initial=0.0)
    ratio = brightness[middle] / np.maximum(mean, floor)
    (share,) = quantiles(ratio, stack.body[middle], (0.5,))
    found = np.zeros(len(brightness))
    found[middle] = np.where(np.isfinite(share), np.log(np.maximum(share, LEAST)), 0.0)
    return np.where(stack.judged, found, 0.0)


def alternation(step: FloatArray) -> FloatArray:
    """Return the size of the alternation of steps that each slice is part of, (S,).

    It is the smallest of the steps of `SHORTEST` slices in a row if their signs alternate and their sizes are
    about equal, and 0 otherwise; of all such rows that hold a slice, the largest.
    """
    signed = step * (-1.0) ** np.arange(step.size)
    size = np.zeros(step.size)
    for first in range(step.size - SHORTEST + 1):
        row = signed[first : first + SHORTEST]
        least, most = np.abs(row).min(), np.abs(row).max()
        if ((row > 0.0).all() or (row < 0.0).all()) and least >= EVEN * most:
            part = size[first : first + SHORTEST]
            np.maximum(part, least, out=part)
    return size


def _finding(stack: Stack, limit: float, found: Mask) -> Finding | None:
    """Return the changed slices of all runs with a step from the limit on; None if there is no such run."""
    step = steps(stack)
    size = alternation(step)
    changed = _changed(step, size >= limit)
    if not changed.size:
        return None
    way = "brighter" if np.median(step[changed]) > 0.0 else "darker"
    percent = 100.0 * abs(np.expm1(np.median(step[changed])))
    why = f"every second slice is about {percent:.0f} % {way} than its neighbours"
    return slices_found(stack, changed, size, LIMITS, found, kind="stripes", why=why)


def _changed(step: FloatArray, striped: Array) -> Array:
    """Return which slices of the striped runs were changed, and not their neighbours.

    A changed slice at the end of a run has a full step, because both of its neighbours are as they should be; an
    unchanged one has half a step. If the ends of a run disagree, the darker half of its slices counts.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], striped, [False]]).astype(np.int8)))
    changed: list[int] = []
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        run = np.arange(first, stop)
        size = np.abs(step[run])
        lower, upper = (int(size[end] < OUTERMOST * size[inner]) for end, inner in ((0, 1), (-1, -2)))
        starts, ends = (first + lower) % 2, (stop - 1 - upper) % 2
        parity = starts if starts == ends else _darker(step, run)
        changed += [int(one) for one in run if one % 2 == parity]
    return np.array(changed, np.intp)


def _darker(step: FloatArray, run: Array) -> int:
    """Return which slices of a run are darker: the even (0) or the odd ones."""
    even = run[run % 2 == 0]
    return 0 if np.median(step[even]) < 0.0 else 1
