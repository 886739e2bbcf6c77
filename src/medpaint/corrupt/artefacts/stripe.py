"""Stripes: steps between interleaved slices, zipper lines, and the venetian blind of slabs."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.slices import slices_mask
from medpaint.core.types import Array
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import magnitude
from medpaint.corrupt.artefacts.places import slices_nearest
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["stripe"]

_STEP: Final = (0.03, 0.4)
"""Change of brightness of every second slice, as a share, at severities 0 and 1."""

_BLIND: Final = (0.05, 0.6)
"""Loss of brightness in the middle of the border of two slabs."""

_ZIPPER: Final = (0.05, 1.0)
"""Brightness of a zipper line, as a share of the range of intensities."""


def stripe(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Draw stripes into a scan.

    *interleave* makes every second slice of a run brighter or darker. *venetian* darkens the borders of the slabs
    that a scan was acquired in. *zipper*, in MR only, is a radio signal of one frequency that the receiver picks
    up: in k-space it has a new phase in each line of phase encoding, and in the image it is a dotted line.

    Args:
        scene: the clean scan.
        severity: from 3 to 40 % of brightness between slices, from 5 to 60 % at the border of slabs, for a zipper
            from 5 to 100 % of the range of intensities.
        rng: decides which, and where.
    """
    variants = ("interleave", "venetian") if scene.is_ct else ("interleave", "venetian", "zipper")
    variant = variants[int(rng.integers(len(variants)))]
    axis = scene.slice_axis(rng)
    ordered = slices_nearest(scene, axis, rng)
    if variant == "zipper":
        return _zipper(scene, axis, ordered, between(*_ZIPPER, severity), rng)
    if variant == "interleave":
        run = np.sort(ordered[: max(4, round(rng.uniform(0.2, 0.5) * ordered.size))])
        slices, weights = run[1::2], np.ones(run[1::2].size)
        strength = between(*_STEP, severity) * (1.0 if rng.random() < 0.5 else -1.0)
    else:
        slices, weights = _slab_borders(np.sort(ordered), rng)
        strength = -between(*_BLIND, severity)
    values = scene.values.astype(np.float64)
    frames = np.moveaxis(values, axis, 0)
    gains = (1.0 + strength * weights)[:, None, None]
    frames[slices] = scene.low + (frames[slices] - scene.low) * gains
    region = slices_mask(scene.volume.shape, axis, slices)
    facts: dict[str, JsonValue] = {"variant": variant, "step": strength}
    return Change(values.astype(scene.values.dtype), region, facts, axis=axis, whole=True)


def _slab_borders(slices: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the slices at the borders of slabs, and how much each is darkened, from 0 to 1."""
    thickness = min(int(rng.integers(8, 17)), max(3, slices.size // 2))
    first = int(rng.integers(1, thickness))
    borders = np.arange(slices[0] + first, slices[-1], thickness)
    distance = np.abs(slices[:, None] - borders[None, :]).min(axis=1)
    weights = np.where(distance < 2, np.cos(0.25 * np.pi * distance) ** 2, 0.0)
    return slices[weights > 0.0], weights[weights > 0.0]


def _zipper(scene: Scene, axis: int, ordered: Array, strength: float, rng: np.random.Generator) -> Change:
    """Add a radio signal of one or two whole frequencies, which is seen in one or two rows of pixels."""
    from scipy.fft import ifft

    slices = np.sort(ordered[: max(1, round(rng.uniform(0.1, 0.4) * ordered.size))])
    rows_first = bool(rng.random() < 0.5)
    width, noise_seed = int(rng.integers(1, 3)), int(rng.integers(2**32))
    values, region = scene.values.copy(), np.zeros(scene.volume.shape, dtype=bool)
    tissue, frames, marks = (np.moveaxis(array, axis, 0) for array in (scene.tissue, values, region))
    if rows_first:
        tissue, frames, marks = (array.swapaxes(1, 2) for array in (tissue, frames, marks))
    width = min(width, frames.shape[2])
    filled = np.flatnonzero(tissue[ordered[0]].any(axis=0))
    place = int(rng.choice(filled[: max(1, filled.size - width)]))
    columns = slice(place, place + width)
    for index in slices.tolist():
        lines = np.random.default_rng([noise_seed, index])
        phases = np.exp(2j * np.pi * lines.random((frames.shape[1], width)))
        tone = strength * scene.span * np.sqrt(frames.shape[1]) * ifft(phases, axis=0)
        clean = frames[index][:, columns]
        frames[index][:, columns] = magnitude(clean + tone, clean)
        marks[index][:, columns] = True
    facts: dict[str, JsonValue] = {"variant": "zipper", "step": strength, "lines": width}
    return Change(values, region & scene.usable, facts, axis=axis, whole=True)
