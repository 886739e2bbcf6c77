"""From the axes and origin that a header names to an affine in RAS+ millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.errors import GeometryError
from medpaint.core.types import Affine, Array

__all__ = ["LAS", "LPS", "RAS", "affine_from_axes"]

LPS: Final = (-1.0, -1.0, 1.0)
RAS: Final = (1.0, 1.0, 1.0)
LAS: Final = (-1.0, 1.0, 1.0)
"""What each world axis of a header is multiplied by to count to the right, anterior, superior."""


def affine_from_axes(axes: Array, origin: Array, signs: tuple[float, float, float], path: Path) -> Affine:
    """Return the affine, (4, 4), of an image whose header names one step a stored axis.

    Args:
        axes: step along each stored axis, (axes, world), in the header's world; two to four of each. A
            fourth axis is time.
        origin: where the first voxel is, (world,).
        signs: from the header's world to RAS+.
        path: the file, for the message.

    Raises:
        GeometryError: time depends on space, or the other way round.
    """
    count, world = min(len(axes), 3), min(axes.shape[1], 3)
    if axes[:count, world:].any() or axes[count:, :world].any():
        message = f"{path}: expected a time axis apart from the axes in space, got {axes.tolist()}"
        raise GeometryError(message)
    steps = np.zeros((3, 3))
    steps[:count, :world] = axes[:count, :world]
    if count < 3:
        steps[2] = _across(steps) if world == 3 else [0.0, 0.0, 1.0]
    affine = np.eye(4)
    affine[:3, :3] = steps.T
    affine[:world, 3] = origin[:world]
    affine[:3] *= np.array(signs)[:, np.newaxis]
    return affine + 0.0  # no negative zeros


def _across(steps: Array) -> Array:
    """Return the step of 1 mm across a plane; zero where its two axes span none."""
    normal = np.cross(steps[0], steps[1])
    length = float(np.linalg.norm(normal))
    return normal / length if length > 0.0 else normal
