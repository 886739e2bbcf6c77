"""Where artefacts lie: runs of slices through the body, and blocks in it."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.types import Array, Mask
from medpaint.corrupt.artefacts.scene import Scene

__all__ = ["block_around", "slices_nearest", "tissue_voxel"]

_FULL: Final = 0.3
"""An artefact of slices is centred on a slice with at least this share of the fullest slice's tissue."""

_SOME: Final = 0.1
"""Every slice of it has at least this share."""


def slices_nearest(scene: Scene, axis: int, rng: np.random.Generator) -> Array:
    """Return slices through the body in the order of their distance from a random one, which comes first.

    The first n of them are a run, for every n, and contain the runs of fewer.

    Args:
        scene: the clean scan.
        axis: along which they are counted.
        rng: decides where.

    Raises:
        InputError: fewer than three slices pass through the body.
    """
    content = scene.content(axis)
    inner = np.flatnonzero(content >= _SOME)
    if inner.size < 3:
        message = f"expected at least 3 slices of tissue along {'IJK'[axis]}, got {inner.size}"
        raise InputError(message)
    centre = int(rng.choice(np.flatnonzero(content >= _FULL)))
    ordered: Array = inner[np.argsort(np.abs(inner - centre), kind="stable")]
    return ordered


def tissue_voxel(scene: Scene, rng: np.random.Generator) -> tuple[int, int, int]:
    """Return a random voxel of the body, by its index."""
    i, j, k = np.unravel_index(int(rng.choice(np.flatnonzero(scene.tissue))), scene.volume.shape)
    return int(i), int(j), int(k)


def block_around(scene: Scene, centre: tuple[int, int, int], edge_mm: float) -> Mask:
    """Return the mask of a cube around a voxel, cut off at the border of the scan, (I, J, K).

    Args:
        scene: the clean scan.
        centre: index of the voxel.
        edge_mm: length of its edges.
    """
    mask = np.zeros(scene.volume.shape, dtype=bool)
    box = []
    for middle, step in zip(centre, scene.volume.spacing_mm, strict=True):
        reach = int(edge_mm / 2.0 / step)
        box.append(slice(max(0, middle - reach), middle + reach + 1))
    mask[tuple(box)] = True
    return mask
