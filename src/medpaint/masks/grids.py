"""Bringing a mask onto the scan's grid."""

from __future__ import annotations

import numpy as np

from medpaint.core.errors import MaskError
from medpaint.core.geometry import GRID_TOLERANCE_VOXELS, axis_codes, index_map
from medpaint.core.text import distinct_digits
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume

__all__ = ["aligned", "described", "reorientation", "reoriented"]


def aligned(mask: Mask, affine: Affine, scan: Volume, *, resample: bool = False) -> tuple[Mask, str]:
    """Return `mask` on the scan's grid, and how it got there.

    Args:
        mask: (I, J, K) on the grid of `affine`.
        affine: the mask's voxel index to RAS+ millimetres.
        scan: the scan.
        resample: use the nearest mask voxel where the grids differ, instead of refusing.

    Returns:
        The mask on the scan's grid, and ``same grid``, ``reoriented`` or ``resampled``.

    Raises:
        MaskError: the grids differ and `resample` is not set.
    """
    mapping = reorientation(scan.affine, affine, scan.shape, mask.shape)
    if mapping is not None:
        return reoriented(mask, mapping), "same grid" if np.array_equal(mapping, np.eye(4)) else "reoriented"
    if not resample:
        message = (
            f"mask is on another grid than the scan: mask {described(mask.shape, affine)}, "
            f"scan {described(scan.shape, scan.affine)}{_difference(scan, affine, mask.shape)}; "
            "resample it, or use --resample-mask"
        )
        raise MaskError(message)
    return _resampled(mask, affine, scan), "resampled"


def reorientation(
    target: Affine, moving: Affine, shape: tuple[int, int, int], moving_shape: tuple[int, ...]
) -> Affine | None:
    """Return the signed permutation from the voxels of a scan to those of a mask on its grid, (4, 4).

    Args:
        target: affine of the scan.
        moving: affine of the mask.
        shape: size of the scan.
        moving_shape: size of the mask.

    Returns:
        The matrix; None unless the mask has the scan's voxels, in some order of the axes.
    """
    mapping = index_map(target, moving, shape)
    if mapping is None or not np.array_equal(mapping, _whole_grid(mapping, moving_shape)):
        return None
    return mapping if tuple(np.array(moving_shape)[_axes(mapping)]) == shape else None


def reoriented(mask: Mask, mapping: Affine) -> Mask:
    """Return a view of a mask with its axes permuted and flipped by what `reorientation` returned."""
    axes = _axes(mapping)
    permuted = mask.transpose(axes)
    for target, moving in enumerate(axes):
        if mapping[moving, target] < 0:
            permuted = np.flip(permuted, axis=target)
    return permuted


def described(shape: tuple[int, ...], affine: Affine) -> str:
    """Describe a grid: size, spacing, axes, origin."""
    size = "x".join(map(str, shape))
    spacing = "x".join(f"{length:.4g}" for length in np.linalg.norm(affine[:3, :3], axis=0))
    origin = ", ".join(f"{position:.1f}" for position in affine[:3, 3])
    return f"{size} voxels of {spacing} mm, axes {axis_codes(affine)}, origin ({origin})"


def _axes(mapping: Affine) -> list[int]:
    """Return the mask's axis for each axis of the scan."""
    return [int(np.argmax(np.abs(mapping[:3, axis]))) for axis in range(3)]


def _whole_grid(mapping: Affine, moving_shape: tuple[int, ...]) -> Affine:
    """Return the matrix with the same permutation that takes the whole of one grid to the whole of the other."""
    whole = mapping.copy()
    for target, moving in enumerate(_axes(mapping)):
        whole[moving, 3] = 0 if mapping[moving, target] > 0 else moving_shape[moving] - 1
    return whole


def _difference(scan: Volume, affine: Affine, shape: tuple[int, ...]) -> str:
    """Return by how much the nearest grid of the same voxels misses the mask's; empty for another size."""
    exact = np.linalg.inv(affine) @ scan.affine
    nearest = np.rint(exact)
    axes = _axes(nearest)
    if sorted(axes) != [0, 1, 2] or tuple(np.array(shape)[axes]) != scan.shape:
        return ""
    linear = np.zeros((4, 4))
    linear[3, 3] = 1.0
    for target, moving in enumerate(axes):
        linear[moving, target] = 1.0 if exact[moving, target] > 0 else -1.0
    corners = np.array(np.meshgrid(*([0, n - 1] for n in scan.shape))).reshape(3, -1)
    homogeneous = np.vstack([corners, np.ones(corners.shape[1])])
    largest = float(np.abs((exact - _whole_grid(linear, shape)) @ homogeneous).max())
    most = distinct_digits(largest, GRID_TOLERANCE_VOXELS)
    return f"; they differ by up to {most} voxels, {GRID_TOLERANCE_VOXELS:g} are allowed"


def _resampled(mask: Mask, affine: Affine, scan: Volume) -> Mask:
    """Return the mask's nearest voxel for every voxel of the scan, False outside the mask's grid."""
    from scipy.ndimage import affine_transform

    to_mask = np.linalg.inv(affine) @ scan.affine
    moved = affine_transform(
        mask.astype(np.uint8),
        to_mask[:3, :3],
        to_mask[:3, 3],
        output_shape=scan.shape,
        order=0,
        mode="constant",
    )
    result: Mask = moved.astype(np.bool_)
    return result
