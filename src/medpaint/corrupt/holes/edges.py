"""Blocks that reach into the body from the edge of the field of view."""

from __future__ import annotations

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing

__all__ = ["edge_block"]


def edge_block(foreground: Mask, spacing_mm: Spacing, *, volume_ml: float, seed: int) -> Mask:
    """Return a mask of a box that touches one face of the volume and contains `volume_ml` of the foreground.

    The box has a square base, about as wide as a cube of that volume, over a random voxel of the foreground, and
    is as deep as needed. Between the face and the foreground it masks background.

    Args:
        foreground: the tissue, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        volume_ml: foreground in the box; exceeded by less than one layer of voxels.
        seed: decides the face and the place.

    Raises:
        InputError: every such box would contain all of the foreground.
    """
    rng = np.random.default_rng(seed)
    wanted = volume_ml * 1000.0 / float(np.prod(spacing_mm))
    places = np.flatnonzero(foreground)
    faces = [(axis, side) for axis in range(3) for side in (False, True) if foreground.shape[axis] > 1]
    for face in rng.permutation(len(faces)) if places.size > wanted else ():
        axis, far = faces[int(face)]
        centre = np.unravel_index(int(rng.choice(places)), foreground.shape)
        for widening in (1.0, 1.5, 2.0):
            edge_mm = widening * (volume_ml * 1000.0) ** (1.0 / 3.0)
            box = _column(foreground.shape, spacing_mm, tuple(map(int, centre)), axis, edge_mm)
            layers = np.moveaxis(foreground[tuple(box)], axis, 0).sum(axis=(1, 2))
            depth = int(np.searchsorted(np.cumsum(layers[::-1] if far else layers), wanted)) + 1
            if depth < foreground.shape[axis]:
                box[axis] = slice(-depth, None) if far else slice(0, depth)
                mask = np.zeros_like(foreground)
                mask[tuple(box)] = True
                return mask
    message = f"expected {volume_ml:.3g} ml of tissue below a face of the volume, got {places.size} voxels in all"
    raise InputError(message)


def _column(
    shape: tuple[int, ...], spacing_mm: Spacing, centre: tuple[int, ...], axis: int, edge_mm: float
) -> list[slice]:
    """Return the box of width `edge_mm` around `centre` that runs through the whole volume along `axis`."""
    box = []
    for other, (size, step, middle) in enumerate(zip(shape, spacing_mm, centre, strict=True)):
        width = min(size, max(1, round(edge_mm / step)))
        start = min(max(0, middle - width // 2), size - width)
        box.append(slice(None) if other == axis else slice(start, start + width))
    return box
