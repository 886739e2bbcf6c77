"""Slices and blocks that are missing: zero, constant or NaN."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.slices import slices_mask
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.places import block_around, slices_nearest, tissue_voxel
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between, count_between

__all__ = ["missing"]

_SLICE_SHARE: Final = 0.06
"""Share of the slices through the body that are missing at severity 1; at least `_SLICES`."""

_SLICES: Final = 3

_BLOCK_MM: Final = (5.0, 40.0)
"""Edge of a missing block at severities 0 and 1."""


def missing(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Blank a run of slices or a block.

    They are set to zero (in CT to the lowest value of the scan), to another constant, or, in scans of floating
    point, to NaN.

    Args:
        scene: the clean scan.
        severity: from one slice to 6 % of the slices, at least 3; from a block of 5 mm to one of 40 mm.
        rng: decides which, where, and what they are set to.
    """
    is_block = bool(rng.random() < 0.4)
    contents = ["zero", "constant", "nan"] if scene.volume.data.dtype.kind == "f" else ["zero", "constant"]
    content = contents[int(rng.integers(len(contents)))]
    constant = scene.low + rng.uniform(0.2, 1.1) * scene.span
    axis = scene.slice_axis(rng)
    centre, ordered = tissue_voxel(scene, rng), slices_nearest(scene, axis, rng)
    if is_block:
        region = block_around(scene, centre, between(*_BLOCK_MM, severity))
    else:
        count = count_between(1, max(_SLICES, round(_SLICE_SHARE * ordered.size)), severity)
        region = slices_mask(scene.volume.shape, axis, ordered[:count])
    lowest = float(scene.values.min()) if scene.is_ct else 0.0
    value = {"zero": lowest, "constant": constant, "nan": np.nan}[content]
    values = np.where(region, np.asarray(value, scene.values.dtype), scene.values)
    facts: dict[str, JsonValue] = {"variant": "block" if is_block else "slices", "content": content}
    return Change(values, region, facts, axis=None if is_block else axis, whole=True, blanks=True)
