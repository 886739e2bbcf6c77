"""Grids in RAS+ millimetres: spacing, directions, and whether two grids are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from medpaint.core.errors import GeometryError
from medpaint.core.text import short_repr
from medpaint.core.types import Affine, Spacing

__all__ = [
    "GRID_TOLERANCE_VOXELS",
    "LPS_TO_RAS",
    "axis_codes",
    "blur_widths",
    "checked_affine",
    "contradictory",
    "corner_distance_mm",
    "index_map",
    "spacing_of",
]

LPS_TO_RAS: Final[Affine] = np.diag([-1.0, -1.0, 1.0, 1.0])
"""In DICOM and ITK left and posterior are positive, in NIfTI right and anterior."""

GRID_TOLERANCE_VOXELS: Final = 0.02
"""Two grids are the same if no corner differs by more; headers round positions to float32 and three decimals."""

_SHORTEST_MM: Final = 1e-6
_LONGEST_MM: Final = 1e6
"""Shortest and longest edge of a voxel: from a nanometre to a kilometre."""

_MOST_UNEQUAL: Final = 1e5
"""Largest ratio of the edges of a voxel; beyond it, equations between neighbours cannot be solved."""

_WIDEST_BLUR: Final = 64.0
"""Largest standard deviation of a blur, in voxels."""

_NOTICED_VOXELS: Final = 0.25
"""Statements about one grid contradict each other from here.

The qform of a NIfTI header is a quaternion of four-byte numbers, which alone puts the corners of a large scan up
to 0.2 mm off.
"""


def checked_affine(affine: Affine) -> Affine:
    """Return `affine` as a (4, 4) float64 array, or refuse it.

    Raises:
        GeometryError: not finite, not 4x4, not invertible, or of voxels that no scanner makes.
    """
    try:
        checked = np.asarray(affine).astype(np.float64, casting="same_kind")
    except (ValueError, TypeError) as error:
        message = f"expected a 4x4 affine of real numbers, got {short_repr(affine)}"
        raise GeometryError(message) from error
    if checked.shape != (4, 4) or not np.isfinite(checked).all():
        message = f"expected a finite 4x4 affine, got {checked.tolist()}"
        raise GeometryError(message)
    lengths = np.linalg.norm(checked[:3, :3], axis=0)
    if not lengths.all() or abs(np.linalg.det(checked[:3, :3] / lengths)) < 1e-6:
        message = f"affine is not invertible: voxel axes {checked[:3, :3].tolist()} do not span a volume"
        raise GeometryError(message)
    shortest, longest = float(lengths.min()), float(lengths.max())
    if shortest < _SHORTEST_MM or longest > _LONGEST_MM or longest > _MOST_UNEQUAL * shortest:
        edges = " x ".join(f"{length:.6g}" for length in lengths)
        message = (
            f"expected an affine of voxels with edges of {_SHORTEST_MM:g} to {_LONGEST_MM:,.0f} mm, none more "
            f"than {_MOST_UNEQUAL:,.0f} times another, got {edges} mm: correct the header (are its units right?)"
        )
        raise GeometryError(message)
    return checked


def spacing_of(affine: Affine) -> Spacing:
    """Return the length of the voxel's edges along I, J, K in millimetres."""
    i, j, k = np.linalg.norm(affine[:3, :3], axis=0)
    return float(i), float(j), float(k)


def blur_widths(width_mm: float, spacing_mm: Spacing, shape: tuple[int, ...]) -> list[float]:
    """Return the standard deviations in voxels of a blur of `width_mm` along I, J, K.

    None is more than `_WIDEST_BLUR` voxels or the length of its axis, because the time grows with the width.
    """
    limits = (min(_WIDEST_BLUR, float(count)) for count in shape)
    return [min(width_mm / size, most) for size, most in zip(spacing_mm, limits, strict=True)]


def axis_codes(affine: Affine) -> str:
    """Return the direction of each voxel axis, such as ``RAS`` or ``LPS``.

    Each axis gets the nearest anatomical direction, the clearest axis first.
    """
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    codes = ["?", "?", "?"]
    left = np.abs(cosines)
    for _ in range(3):
        world, axis = np.unravel_index(int(np.argmax(left)), (3, 3))
        codes[axis] = ("LR", "PA", "IS")[world][int(cosines[world, axis] > 0)]
        left[world, :] = -1.0
        left[:, axis] = -1.0
    return "".join(codes)


def corner_distance_mm(first: Affine, second: Affine, shape: tuple[int, ...]) -> float:
    """Return the largest distance between the places that two affines give to a corner voxel, in millimetres.

    Args:
        first: voxel index to RAS+ millimetres, (4, 4).
        second: likewise, of the same voxels.
        shape: number of voxels (I, J, K).
    """
    return float(np.linalg.norm(((first - second) @ _corners(shape))[:3], axis=0).max())


def contradictory(positions: Mapping[str, Affine], shape: tuple[int, ...]) -> bool:
    """Return whether several affines of the same voxels, (I, J, K), put them in noticeably different places."""
    if len(positions) < 2:
        return False
    first, *others = positions.values()
    limit = _NOTICED_VOXELS * min(spacing_of(first))
    return any(corner_distance_mm(first, other, shape) > limit for other in others)


def index_map(target: Affine, moving: Affine, shape: tuple[int, ...]) -> Affine | None:
    """Return the signed permutation from `target`'s voxels to `moving`'s, if there is one.

    Args:
        target: affine of the wanted grid.
        moving: affine of the given grid.
        shape: size (I, J, K) of the target grid.

    Returns:
        The (4, 4) matrix that takes a target index to a moving index, whose linear part has one
        entry of +1 or -1 in each row and column and whose offset is an integer; None unless the two grids
        are flips and axis permutations of each other.
    """
    exact = np.linalg.inv(moving) @ target
    rounded = np.rint(exact)
    linear = np.abs(rounded[:3, :3])
    if not (np.array_equal(linear.sum(axis=0), np.ones(3)) and np.array_equal(linear.sum(axis=1), np.ones(3))):
        return None
    if np.abs((exact - rounded) @ _corners(shape)).max() > GRID_TOLERANCE_VOXELS:
        return None
    return rounded


def _corners(shape: tuple[int, ...]) -> Affine:
    """Return the indices of the eight corner voxels of a grid in homogeneous coordinates, (4, 8)."""
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape))).reshape(3, -1)
    return np.vstack([corners, np.ones(corners.shape[1])])
