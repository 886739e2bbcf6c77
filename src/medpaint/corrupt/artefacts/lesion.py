"""A lesion with a soft rim, dark or bright."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue
from scipy.ndimage import distance_transform_edt

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.errors import InputError
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between
from medpaint.corrupt.holes.blob import lesion_blob

__all__ = ["lesion"]

_CONTRAST: Final = (0.08, 0.8)
"""Change of brightness in the core, as a share of the range of intensities, at severities 0 and 1."""

_ML: Final = (1.0, 15.0)
"""Volume of the core, drawn between these."""

_SMALLEST: Final = 0.05
"""Smallest share of the body that a lesion shrinks to where it would not fit."""

_RIM_MM: Final = (1.0, 4.0)
"""Width of the rim, drawn between these."""


def lesion(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Draw an irregular lesion of 1 to 15 ml into the body, darker or brighter, with a rim of 1 to 4 mm.

    Inside the core the brightness changes fully, across the rim ever less, outside not at all. The texture of the
    tissue stays, fainter as the contrast grows.

    Args:
        scene: the clean scan.
        severity: change of brightness in the core, from 8 to 80 % of the range of intensities.
        rng: decides size, shape, place and whether it is dark.

    Raises:
        InputError: the body has no room for the lesion.
    """
    volume_ml, rim_mm = float(rng.uniform(*_ML)), float(rng.uniform(*_RIM_MM))
    is_dark, shape_seed = bool(rng.random() < 0.5), int(rng.integers(2**32))
    room_ml = np.count_nonzero(scene.tissue) * scene.volume.voxel_ml
    volume_ml = min(volume_ml, _SMALLEST * room_ml)
    spacing = scene.volume.spacing_mm
    core = lesion_blob(scene.tissue, spacing, volume_ml=volume_ml, seed=shape_seed)
    found = bounding_box(core)
    if found is None:
        message = "expected room for a lesion in the body, found none"
        raise InputError(message)
    margin = tuple(int(rim_mm / step) + 2 for step in spacing)
    box = grown(found, (margin[0], margin[1], margin[2]), core.shape)
    depth = distance_transform_edt(~core[box], sampling=spacing)
    weight = np.where(scene.tissue[box], np.clip(1.0 - depth / rim_mm, 0.0, 1.0), 0.0)
    weight = weight**2 * (3.0 - 2.0 * weight)
    contrast = between(*_CONTRAST, severity)
    clean = scene.values[box].astype(np.float64)
    goal = clean - contrast * (clean - scene.low) if is_dark else clean + contrast * scene.span
    faded = goal + 0.5 * contrast * (np.mean(goal[core[box]]) - goal)
    values = scene.values.copy()
    values[box] = clean + weight * (faded - clean)
    facts: dict[str, JsonValue] = {"variant": "dark" if is_dark else "bright", "contrast": contrast}
    facts |= {"core_ml": float(np.count_nonzero(core)) * scene.volume.voxel_ml, "rim_mm": rim_mm}
    region = np.zeros_like(core)
    region[box] = weight > 0.0
    return Change(values, region, facts)
