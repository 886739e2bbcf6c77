"""Spikes in k-space, which draw a herringbone over whole slices."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.slices import slices_mask
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import Complex, magnitude
from medpaint.corrupt.artefacts.places import slices_nearest
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["spike"]

_STRENGTH: Final = (0.03, 0.7)
"""Amplitude of all waves together, as a share of the range of intensities, at severities 0 and 1."""

_LOWEST: Final = 0.04
"""Spikes lie at least this many cycles per voxel from the centre of k-space; nearer ones look like shading."""


def spike(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Put one to three spikes into the k-space of one to four slices.

    A spike is one sample that is far too large, as from a discharge in the scanner room. It adds a plane wave to
    the complex image.

    Args:
        scene: the clean scan, MR.
        severity: amplitude of the waves, from 3 to 70 % of the range of intensities.
        rng: decides which slices, and where in k-space.
    """
    axis = scene.slice_axis(rng)
    slices = np.sort(slices_nearest(scene, axis, rng)[: int(rng.integers(1, 5))])
    count, places = int(rng.integers(1, 4)), int(rng.integers(2**32))
    strength = between(*_STRENGTH, severity)
    values = scene.values.copy()
    frames = np.moveaxis(values, axis, 0)
    for index in slices.tolist():
        own = np.random.default_rng([places, index])
        wave = sum(_wave(frames.shape[1:], own) for _ in range(count))
        frames[index] = magnitude(frames[index] + strength * scene.span / count * wave, frames[index])
    facts: dict[str, JsonValue] = {"spikes": count, "strength": strength}
    return Change(values, slices_mask(scene.volume.shape, axis, slices), facts, axis=axis, whole=True)


def _wave(shape: tuple[int, ...], rng: np.random.Generator) -> Complex:
    """Return the image of one sample of k-space, of amplitude 1."""
    radius, angle = rng.uniform(_LOWEST, 0.45), rng.uniform(0.0, 2.0 * np.pi)
    rows, columns = (
        round(radius * size * part) for size, part in zip(shape, (np.cos(angle), np.sin(angle)), strict=True)
    )
    i, j = np.ogrid[: shape[0], : shape[1]]
    phase = 2.0 * np.pi * (rows * i / shape[0] + columns * j / shape[1] + rng.random())
    wave: Complex = np.exp(1j * phase)
    return wave
