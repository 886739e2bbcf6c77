"""Slices that lost signal: they are darker than the slices on both sides say that they should be."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.neighbours import LONGEST_RUN, bridged, quantiles
from medpaint.detectors.slicewise import detection_of, most_certain, slices_found
from medpaint.detectors.stack import Stack

__all__ = ["darkening", "dropout"]

LIMITS: Final = Limits(0.15, 0.08, 0.06)
"""Loss of brightness in three quarters of a slice, as a natural logarithm."""

UPPER: Final = 0.75
"""A slice counts as dark by this quantile of its blocks: anatomy darkens a part of it, lost signal all of it."""

ENOUGH: Final = 0.33
"""Slices with a smaller share of the fullest slice's blocks are not judged: they are dark where the brain ends."""

ENOUGH_FOR_ONE: Final = 0.25
"""The same for a single slice, whose neighbours are close to it."""

SPAN_MM: Final = 20.0
"""The slices on both sides of a run are at most this far apart: farther apart, anatomy is no longer linear."""

LEAST: Final = 1e-3
"""A smaller share of the expected brightness, or of the brightest block's, counts as this one."""


def dropout(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find up to six darkened slices in a row.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily slices are reported.
    """

    def dark(stack: Stack) -> Finding | None:
        loss = darkening(stack)
        places = np.flatnonzero(loss >= LIMITS.at(sensitivity))
        if not places.size:
            return None
        percent = 100.0 * (1.0 - np.exp(-loss.max()))
        why = f"the slices are up to {percent:.0f} % darker than those on both sides"
        return slices_found(stack, places, loss, LIMITS, found, kind="dark slices", why=why)

    return detection_of(most_certain(scan, found, dark), scan)


def darkening(stack: Stack) -> FloatArray:
    """Return how much darker each slice is than those around it say, as a natural logarithm, (S,).

    A slice is compared as part of a run of one to six slices with the slices on both sides of the run; every slice
    of a run is at least as dark as the run is said to be. Of all runs that hold a slice the darkest counts.
    """
    brightness = stack.brightness
    darkest = np.zeros(len(brightness))
    floor = np.float32(LEAST) * brightness.max(initial=0.0)
    longest = min(LONGEST_RUN, max(1, round(SPAN_MM / stack.step_mm) - 1))
    for before, after, places in bridged(brightness, longest):
        body = stack.between(before, after)
        needed = ENOUGH_FOR_ONE if len(places) == 1 else ENOUGH
        least = np.where(stack.enough(body, needed), np.inf, 0.0)
        for inner, expected in places:
            ratio = brightness[inner] / np.maximum(expected, floor)
            (share,) = quantiles(ratio, body, (UPPER,))
            least = np.fmin(least, -np.log(np.maximum(share, LEAST)))
        for inner, _ in places:
            darkest[inner] = np.fmax(darkest[inner], least)
    return darkest
