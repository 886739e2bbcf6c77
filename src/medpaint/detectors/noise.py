"""Slices and blocks with noise far above the rest of the scan."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.neighbours import bridged, quantiles
from medpaint.detectors.slicewise import detection_of, most_certain, slices_found
from medpaint.detectors.stack import FULL_BLOCK, Stack

__all__ = ["block_noise", "noise", "noisiness", "overall"]

SLICES: Final = Limits(2.2, 1.6, 1.45)
"""Noise of a slice, as a multiple of that of the slices on both sides."""

FAR: Final = 2.2
"""A slice may be so many times as noisy as the median slice before it counts: slices have different tissue."""

NEARBY: Final = 7
"""Slices within which a block is full of tissue somewhere."""

BLOCKS: Final = Limits(30.0, 18.0, 12.0)
"""Noise of a part of the scan, as a multiple of the median of its tissue."""

LEAST_EDGE: Final = 6
"""Parts are looked for where blocks have edges of so many voxels: in smaller ones, tissue looks like noise."""

SPREAD: Final = 0.4
"""Blocks with this share of the limit belong to a noisy part if they are connected to one above it."""

LOWER: Final = 0.35
"""A slice counts as noisy by this quantile of its blocks: edges roughen some blocks, noise all of them."""


def noise(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find noisy slices, or else noisy parts of the scan.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily damage is reported.
    """

    def noisy(stack: Stack) -> Finding | None:
        near, far = noisiness(stack), overall(stack)
        excess = np.maximum(near, far / FAR)
        places = np.flatnonzero(excess >= SLICES.at(sensitivity))
        if not places.size:
            return None
        why = (
            f"the noise is up to {near.max():.1f} times as strong as in the slices on both sides, and "
            f"{far.max():.1f} times as strong as in most slices"
        )
        return slices_found(stack, places, excess, SLICES, found, kind="noisy slices", why=why)

    return detection_of(most_certain(scan, found, noisy) or _part(scan, found, sensitivity), scan)


def noisiness(stack: Stack) -> FloatArray:
    """Return how many times as noisy each slice is as those around it say, (S,).

    Compared like the brightness in `darkening`: as part of runs of one to six slices.
    """
    noisiest = np.zeros(len(stack.noise))
    for before, after, places in bridged(stack.noise):
        body = stack.between(before, after)
        least = np.where(stack.enough(body), np.inf, 0.0)
        for inner, expected in places:
            (share,) = quantiles(stack.noise[inner] / expected, body, (LOWER,))
            least = np.fmin(least, share)
        for inner, _ in places:
            noisiest[inner] = np.fmax(noisiest[inner], least)
    return noisiest


def overall(stack: Stack) -> FloatArray:
    """Return how many times as noisy each slice is as the median slice, (S,); 0 where a slice is not judged.

    Blocks that are full of tissue in any slice nearby are compared: strong noise hides where the tissue is.
    """
    from scipy.ndimage import maximum_filter1d

    body = maximum_filter1d(stack.covered, NEARBY, axis=0, mode="nearest") >= FULL_BLOCK
    judged = stack.enough(body)
    if not judged.any():
        return np.zeros(len(body))
    (level,) = quantiles(stack.noise, body, (LOWER,))
    return np.where(judged, level / np.median(level[judged]), 0.0)


def block_noise(stack: Stack) -> FloatArray:
    """Return the noise of each block as a multiple of the median noise in the scan's tissue, (S, H, W).

    The mean over five slices, and the smallest of two by two blocks: one block full of edges does not count.
    """
    from scipy.ndimage import minimum_filter, uniform_filter

    full = stack.covered >= FULL_BLOCK
    typical = float(np.median(stack.noise[full])) if full.any() else 1.0
    smooth = uniform_filter(np.where(full, stack.noise, 0.0), (5, 1, 1))
    relative: FloatArray = minimum_filter(smooth, (1, 2, 2)) / typical
    return relative


def _part(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Finding | None:
    """Return the noisy parts of a scan, seen along its first axis of slices; None if no part is noisy."""
    from scipy.ndimage import label, maximum_filter

    if not scan.stacks or min(scan.stacks[-1].block) < LEAST_EDGE:
        return None
    stack = scan.stacks[-1].without(found)
    level, limit = block_noise(stack), BLOCKS.at(sensitivity)
    if level.max(initial=0.0) < limit:
        return None
    parts, _ = label(maximum_filter(level, (1, 2, 2), origin=(0, -1, -1)) >= SPREAD * limit)
    kept = np.unique(parts[level >= limit])
    mask = stack.voxels_of(np.isin(parts, kept[kept > 0]), scan.volume.shape) & ~found
    if not mask.any():
        return None
    why = f"the noise is up to {level.max():.0f} times as strong as in most of the tissue"
    return Finding("noisy part", mask, why, score=BLOCKS.score(float(level.max())))
