"""Holes in the shape of real lesions, placed in healthy tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform

from medpaint.core.boxes import bounding_box
from medpaint.core.errors import InputError
from medpaint.core.types import Array, Mask, Spacing

__all__ = ["LesionShape", "lesion_shape"]

_IN_TISSUE: Final = 0.9
"""Share of a placed lesion that has to lie in the tissue."""

_STRETCH: Final = 1.5
"""A lesion is enlarged or shrunk by up to this factor in length to reach the requested volume."""

_TRIES: Final = 200
"""Places that are tried for one lesion before the next one."""


@dataclass(frozen=True, eq=False)
class LesionShape:
    """A lesion, cut out of where it was.

    Attributes:
        mask: True = lesion, (I, J, K).
        spacing_mm: voxel size along I, J, K.
    """

    mask: Mask
    spacing_mm: Spacing

    @classmethod
    def cut_out(cls, mask: Mask, spacing_mm: Spacing) -> LesionShape:
        """Return the lesions of a mask, (I, J, K), as one shape.

        Raises:
            InputError: the mask is empty.
        """
        box = bounding_box(mask)
        if box is None:
            message = "expected a lesion mask with at least one voxel, got an empty one"
            raise InputError(message)
        return cls(mask[box].copy(), spacing_mm)

    @property
    def ml(self) -> float:
        """Volume in millilitres."""
        return float(np.count_nonzero(self.mask) * np.prod(self.spacing_mm)) / 1000.0


def lesion_shape(
    foreground: Mask, spacing_mm: Spacing, *, volume_ml: float, seed: int, shapes: Sequence[LesionShape]
) -> Mask:
    """Return a mask of one of `shapes`, scaled to `volume_ml`, at a random place in the foreground.

    Up to a tenth of it may leave the foreground; no voxel leaves the volume.

    Args:
        foreground: where it may lie, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        volume_ml: volume of the hole, accurate to half a voxel; at least one voxel.
        seed: decides the shape, its orientation and the place.
        shapes: lesions on grids of any spacing.

    Raises:
        InputError: no shape can be scaled to that volume, or none fits into the foreground.
    """
    rng = np.random.default_rng(seed)
    places = np.flatnonzero(foreground)
    near = False
    for number in rng.permutation(len(shapes)) if places.size else ():
        shape = shapes[int(number)]
        stretch = (volume_ml / shape.ml) ** (1.0 / 3.0)
        if not 1.0 / _STRETCH <= stretch <= _STRETCH:
            continue
        near = True
        if not _has_room(shape, stretch, spacing_mm, foreground.shape):
            continue
        voxels = _voxels(shape, spacing_mm, volume_ml, rng)
        for goal in rng.choice(places, _TRIES):
            moved = voxels + np.array(np.unravel_index(int(goal), foreground.shape))
            if _fits(moved, foreground):
                mask = np.zeros_like(foreground)
                mask[tuple(moved.T)] = True
                return mask
    why = "fits into the tissue" if near else "has about that size"
    message = (
        f"expected a lesion shape for a hole of {volume_ml:.3g} ml, got {len(shapes)} shapes of which none {why}"
    )
    raise InputError(message)


def _has_room(shape: LesionShape, stretch: float, spacing_mm: Spacing, volume: tuple[int, ...]) -> bool:
    """Return whether a stretched shape is no larger than a volume along any axis."""
    edges = np.array(shape.mask.shape) * shape.spacing_mm * stretch
    return bool((edges <= 2.0 * np.array(volume) * spacing_mm).all())


def _voxels(shape: LesionShape, spacing_mm: Spacing, volume_ml: float, rng: np.random.Generator) -> Array:
    """Return the voxels of a shape on a grid of `spacing_mm`, relative to its middle, (N, 3) integers.

    The shape is interpolated on the grid, and the fullest voxels are taken until they make up the volume.
    """
    flips = tuple(axis for axis in range(3) if rng.random() < 0.5)
    source = np.pad(np.flip(shape.mask, flips).astype(np.float32), 1)
    stretch = (volume_ml / shape.ml) ** (1.0 / 3.0)
    step = np.array(spacing_mm) / (np.array(shape.spacing_mm) * stretch)
    size = np.ceil(np.array(source.shape) / step).astype(int) + 1
    offset = (np.array(source.shape) - 1 - (size - 1) * step) / 2.0
    fullness = affine_transform(source, step, offset, tuple(size), order=1)
    count = max(1, round(volume_ml * 1000.0 / float(np.prod(spacing_mm))))
    fullest = np.argsort(-fullness, axis=None, kind="stable")[: min(count, max(1, np.count_nonzero(fullness)))]
    voxels = np.stack(np.unravel_index(fullest, fullness.shape), axis=1)
    centred: Array = voxels - np.rint(voxels.mean(axis=0)).astype(int)
    return centred


def _fits(voxels: Array, foreground: Mask) -> bool:
    """Return whether the voxels lie in the volume and nearly all of them in the foreground."""
    if (voxels < 0).any() or (voxels >= foreground.shape).any():
        return False
    return bool(foreground[tuple(voxels.T)].mean() >= _IN_TISSUE)
