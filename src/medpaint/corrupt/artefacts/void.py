"""The void around metal in MR."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.types import Array, FloatArray
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.places import tissue_voxel
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["void"]

_RADIUS_MM: Final = (2.5, 10.0)
"""Radius of the metal at severities 0 and 1; the void is larger."""

_REACH: Final = 3.5
"""Where the field of the metal is cut off, in radii of the metal."""

_DISPLACEMENT_MM: Final = (1.0, 8.0)
"""Displacement at the pole of the metal at severities 0 and 1, on average over metals."""

_DEPHASING: Final = 0.25
"""Cycles of dephasing within a voxel for each voxel that the displacement changes from one to the next."""


def void(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Put a ball of metal into an MR: no signal in it, loss and displacement of signal around it.

    The field outside a ball is that of a dipole, ``(3 cos^2 - 1) / r^3``. It moves signal along the read-out, away
    from some places and onto others, and dephases it within voxels (Schenck, 1996). The field is cut off smoothly
    between 1.5 and 3.5 radii, so that the damage ends somewhere.

    Args:
        scene: the clean scan, MR.
        severity: radius of the metal, from 2.5 to 10 mm, and displacement at its pole, from about 1 to 8 mm.
        rng: decides the place, the direction of the field and that of the read-out.
    """
    radius_mm = between(*_RADIUS_MM, severity)
    centre = tissue_voxel(scene, rng)
    main, read = (int(axis) for axis in rng.permutation(3)[:2])
    strength = float(rng.uniform(0.7, 1.3)) * between(*_DISPLACEMENT_MM, severity)
    spacing = scene.volume.spacing_mm
    box = tuple(
        slice(max(0, middle - int(_REACH * radius_mm / step) - 1), middle + int(_REACH * radius_mm / step) + 2)
        for middle, step in zip(centre, spacing, strict=True)
    )
    grids = np.ogrid[
        tuple(slice(part.start, min(part.stop, size)) for part, size in zip(box, scene.volume.shape, strict=True))
    ]
    away = [(grid - middle) * step for grid, middle, step in zip(grids, centre, spacing, strict=True)]
    distance = np.sqrt(sum(np.asarray(part) ** 2 for part in away))
    outside = np.maximum(distance, radius_mm)
    taper = np.clip((_REACH - distance / radius_mm) / (_REACH - 1.5), 0.0, 1.0)
    field = strength / 2.0 * (3.0 * (away[main] / outside) ** 2 - 1.0) * (radius_mm / outside) ** 3 * taper
    moved = field / spacing[read]
    steepness = np.sqrt(sum(np.gradient(moved, axis=axis) ** 2 for axis in range(3) if moved.shape[axis] > 1))
    signal = np.where(distance > radius_mm, scene.values[box] * np.abs(np.sinc(_DEPHASING * steepness)), 0.0)
    values = scene.values.copy()
    values[box] = _moved(signal, moved, read)
    region = np.zeros(scene.volume.shape, dtype=bool)
    region[box] = taper > 0.0
    facts: dict[str, JsonValue] = {"radius_mm": radius_mm, "displacement_mm": strength, "read_axis": "IJK"[read]}
    return Change(values, region, facts)


def _moved(signal: FloatArray, distance: FloatArray, axis: int) -> Array:
    """Return signal moved along an axis, where it adds up; what leaves the array is lost.

    Args:
        signal: (I, J, K).
        distance: in voxels, (I, J, K).
        axis: which one.
    """
    lines, steps = (np.moveaxis(array, axis, -1) for array in (signal, distance))
    count = lines.shape[-1]
    goal = np.arange(count) + steps
    lower = np.floor(goal).astype(np.intp)
    result = np.zeros((lines[..., 0].size, count))
    rows = np.broadcast_to(np.arange(result.shape[0])[:, None], (result.shape[0], count))
    for place, weight in ((lower, 1.0 - (goal - lower)), (lower + 1, goal - lower)):
        held = ((place >= 0) & (place < count)).reshape(-1, count)
        amounts = (lines * weight).reshape(-1, count)
        np.add.at(result, (rows[held], place.reshape(-1, count)[held]), amounts[held])
    return np.moveaxis(result.reshape(lines.shape), -1, axis).astype(signal.dtype)
