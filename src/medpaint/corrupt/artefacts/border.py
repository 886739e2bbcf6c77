"""A field of view that is too small: cut off, or wrapped around."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import InputError
from medpaint.core.types import FloatArray
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import magnitude
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["border"]

_CUT: Final = (0.03, 0.3)
"""Share of the body's extent that is outside the field of view, at severities 0 and 1."""


def border(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Make the field of view smaller than the body, along an axis of the slices.

    *truncated*: what is outside is set to zero, in CT to air. *wrapped*, in MR only: it also appears at the
    opposite side of the field of view, added to what is there, with a phase of its own that varies slowly. That is
    what samples farther apart in k-space give; a period of whole voxels can be folded without leaving the image.

    Args:
        scene: the clean scan.
        severity: share of the body's extent outside the field of view, from 3 to 30 %.
        rng: decides the axis and the side.

    Raises:
        InputError: the slices have no axis of more than one voxel.
    """
    is_wrapped = bool(rng.random() < 0.5) and not scene.is_ct
    axis = scene.slice_axis(rng)
    planes = [other for other in range(3) if other != axis and scene.volume.shape[other] > 1]
    if not planes:
        message = f"expected slices to cut off, got a scan of {scene.volume.shape} voxels"
        raise InputError(message)
    along = int(rng.choice(planes))
    is_far = bool(rng.random() < 0.5)
    start, turns = float(rng.uniform(0.0, 2.0 * np.pi)), float(rng.uniform(0.5, 2.0))
    others = tuple(other for other in range(3) if other != along)
    filled = np.flatnonzero(scene.tissue.any(axis=others))
    first, last = int(filled[0]), int(filled[-1])
    cut = min(max(1, round(between(*_CUT, severity) * (last - first + 1))), (last - first) // 2)
    values, region = scene.values.copy(), np.zeros(scene.volume.shape, dtype=bool)
    lines, marks = np.moveaxis(values, along, 0), np.moveaxis(region, along, 0)
    if is_far:
        lines, marks, first, last = lines[::-1], marks[::-1], len(lines) - 1 - last, len(lines) - 1 - first
    edge, end = first + cut, last + 1
    folded = lines[first:edge].copy()
    if is_wrapped:
        lines[end - cut : end] = _folded(lines[end - cut : end], folded, start, turns)
        marks[end - cut : end] = True
    lines[:edge] = scene.low if scene.is_ct else 0.0
    marks[:edge] = True
    facts: dict[str, JsonValue] = {"variant": "wrapped" if is_wrapped else "truncated", "along": "IJK"[along]}
    return Change(values, region, {**facts, "cut_mm": cut * scene.volume.spacing_mm[along]})


def _folded(there: FloatArray, outside: FloatArray, start: float, turns: float) -> FloatArray:
    """Return the signal of the opposite side with that from outside the field of view added to it.

    Args:
        there: magnitudes at the opposite side, its first axis that of the field of view.
        outside: magnitudes outside the field of view, of the same shape.
        start: phase between the two at one end of the second axis, in radians.
        turns: how often that phase turns along the second axis.
    """
    phase = start + 2.0 * np.pi * turns * np.linspace(0.0, 1.0, there.shape[1])
    return magnitude(there + outside * np.exp(1j * phase)[None, :, None], there)
