"""Waves that run through a slice and not through its neighbours, by its spectrum."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, FloatArray
from medpaint.detectors.neighbours import FARTHEST, predicted

__all__ = ["peaks_of"]

SLOW: Final = 0.04
"""Waves of fewer cycles per voxel are anatomy."""

RINGS: Final = 28
"""The spectrum is averaged over rings of equal width, for a floor where the neighbours have next to nothing."""

LEAST: Final = 1e-7
"""Less than this share of the strongest wave is rounding."""

SLAB: Final = 4_000_000
"""Slices are transformed in slabs of about so many voxels, to bound the memory."""


def peaks_of(frames: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far each slice's spectrum stands out from its neighbours', and at which wave.

    The magnitude at each wave is divided by what the neighbours predict for it, or by the level of its ring where
    that is higher. The first and the last slice, which have neighbours on one side only, get 0.

    Args:
        frames: the slices, (S, H, W).

    Returns:
        The highest ratio, (S,), and the wave's cycles per voxel along both axes, (S, 2).
    """
    count, height, width = frames.shape
    down, across = np.fft.fftfreq(height).astype(np.float32), np.fft.rfftfreq(width).astype(np.float32)
    radius = np.hypot(down[:, None], across[None, :])
    ring = np.minimum((radius * 40.0).astype(np.intp), RINGS - 1).ravel()
    peaks, waves = np.zeros(count, np.float32), np.zeros((count, 2), np.float32)
    step = max(1, SLAB // (height * width))
    for first in range(0, count, step):
        start, stop = max(0, first - FARTHEST), min(count, first + step + FARTHEST)
        own = slice(first - start, min(first + step, count) - start)
        ratio = _ratios(frames[start:stop], ring)[own]
        ratio[:, radius.ravel() < SLOW] = 0.0
        highest = ratio.argmax(axis=1)
        part = slice(first, first + len(ratio))
        peaks[part] = ratio[np.arange(len(ratio)), highest]
        waves[part] = np.stack([down[highest // across.size], across[highest % across.size]], axis=1)
    return peaks, waves


def _ratios(frames: FloatArray, ring: Array) -> FloatArray:
    """Return the spectrum of each slice as a multiple of what its neighbours predict, (S, waves)."""
    from scipy.fft import rfft2

    spectrum = np.abs(rfft2(frames, workers=1)).reshape(len(frames), -1)
    order = np.argsort(ring, kind="stable")
    present, starts, counts = np.unique(ring[order], return_index=True, return_counts=True)
    power = np.add.reduceat((spectrum**2)[:, order], starts, axis=1) / counts.astype(np.float32)
    floor = predicted(np.sqrt(power)[:, :, None])[:, np.searchsorted(present, ring), 0]
    expected = np.maximum(predicted(spectrum[:, :, None])[:, :, 0], floor)
    least = max(LEAST * float(spectrum.max(initial=0.0)), float(np.finfo(np.float32).tiny))
    ratio: FloatArray = np.nan_to_num(spectrum / np.maximum(expected, np.float32(least)), nan=0.0)
    return ratio
