"""Intensities that are clipped: everywhere at one ceiling, or where the gain was too high."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.types import FloatArray
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.places import tissue_voxel
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["saturation"]

_CLIPPED: Final = (0.01, 0.4)
"""Share of the tissue that is clipped at severities 0 and 1, where one ceiling applies everywhere."""

_GAIN: Final = (0.3, 6.0)
"""How much the gain is too high at its centre, as a share, at severities 0 and 1."""

_TAIL: Final = 0.05
"""The Gaussian bump of gain is cut off where it is this small."""


def saturation(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Clip bright tissue.

    *ceiling* clips the whole scan at one intensity. *overflow* multiplies the signal around one place by a gain
    that is too high, and clips it at the 99.5th percentile of the tissue: flat regions with a steep rim.

    Args:
        scene: the clean scan.
        severity: from 1 to 40 % of the tissue clipped; a gain of 1.3 to 7 at its highest.
        rng: decides which, and where.
    """
    is_ceiling, jitter = bool(rng.random() < 0.5), float(rng.uniform(0.8, 1.2))
    centre, width_mm = tissue_voxel(scene, rng), float(rng.uniform(12.0, 30.0))
    tissue = scene.values[scene.tissue]
    if is_ceiling:
        ceiling = float(np.quantile(tissue, 1.0 - min(0.5, jitter * between(*_CLIPPED, severity))))
        values = np.minimum(scene.values, np.asarray(ceiling, scene.values.dtype))
    else:
        ceiling = float(np.quantile(tissue, 0.995))
        gain = 1.0 + between(*_GAIN, severity) * _bump(scene, centre, width_mm)
        raised = np.minimum(scene.low + (scene.values - scene.low) * gain, np.maximum(ceiling, scene.values))
        values = np.where(gain > 1.0, raised, scene.values).astype(scene.values.dtype)
    facts: dict[str, JsonValue] = {"variant": "ceiling" if is_ceiling else "overflow", "ceiling": ceiling}
    facts["clipped_share"] = float(np.mean(values[scene.tissue] >= ceiling))
    return Change(values, scene.usable, facts)


def _bump(scene: Scene, centre: tuple[int, int, int], width_mm: float) -> FloatArray:
    """Return a smooth bump from 1 to exactly 0 around a voxel, (I, J, K)."""
    grids = np.ogrid[tuple(slice(0, size) for size in scene.volume.shape)]
    squared = sum(
        ((grid - middle) * step / width_mm) ** 2
        for grid, middle, step in zip(grids, centre, scene.volume.spacing_mm, strict=True)
    )
    bump: FloatArray = np.maximum(0.0, (np.exp(-0.5 * np.asarray(squared)) - _TAIL) / (1.0 - _TAIL))
    return bump
