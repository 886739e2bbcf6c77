"""Slices and blocks with noise far above the rest."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.slices import slices_mask
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import complex_noise, magnitude
from medpaint.corrupt.artefacts.places import block_around, slices_nearest, tissue_voxel
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["noise"]

_DEVIATION: Final = (0.02, 0.5)
"""Standard deviation of the noise, as a share of the range of intensities, at severities 0 and 1."""


def noise(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Add noise to one to six slices, or to a block of 20 to 50 mm.

    In MR it is added to both channels, so that the magnitudes are Rician; in CT it is added to the values.

    Args:
        scene: the clean scan.
        severity: standard deviation of the noise, from 2 to 50 % of the range of intensities.
        rng: decides where.
    """
    is_block, edge_mm, count = bool(rng.random() < 0.4), float(rng.uniform(20.0, 50.0)), int(rng.integers(1, 7))
    axis = scene.slice_axis(rng)
    centre, ordered = tissue_voxel(scene, rng), slices_nearest(scene, axis, rng)
    shape = scene.volume.shape
    region = block_around(scene, centre, edge_mm) if is_block else slices_mask(shape, axis, ordered[:count])
    deviation = between(*_DEVIATION, severity)
    clean = scene.values[region]
    noisy = clean + deviation * scene.span * complex_noise(clean.shape, rng)
    values = scene.values.copy()
    values[region] = noisy.real if scene.is_ct else magnitude(noisy, clean)
    facts: dict[str, JsonValue] = {"variant": "block" if is_block else "slices", "deviation": deviation}
    return Change(values, region, facts, axis=None if is_block else axis, whole=True)
