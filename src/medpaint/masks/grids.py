"""Bringing a mask onto the scan's grid."""

from __future__ import annotations

import numpy as np

from medpaint.core.errors import MaskError
from medpaint.core.geometry import axis_codes, index_map
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume

__all__ = ["aligned"]


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
    mapping = index_map(scan.affine, affine, scan.shape)
    if mapping is not None:
        permuted = _reoriented(mask, mapping, scan.shape)
        if permuted is not None:
            return permuted, "same grid" if np.array_equal(mapping, np.eye(4)) else "reoriented"
    if not resample:
        message = (
            f"mask is on another grid than the scan: mask {_grid(mask.shape, affine)}, "
            f"scan {_grid(scan.shape, scan.affine)}; resample it, or use --resample-mask"
        )
        raise MaskError(message)
    return _resampled(mask, affine, scan), "resampled"


def _reoriented(mask: Mask, mapping: Affine, shape: tuple[int, int, int]) -> Mask | None:
    """Return the mask with its axes permuted and flipped by `mapping`; None if the sizes do not fit."""
    axes = tuple(int(np.argmax(np.abs(mapping[:3, axis]))) for axis in range(3))
    permuted = mask.transpose(axes)
    if permuted.shape != shape:
        return None
    for target, moving in enumerate(axes):
        step, offset = mapping[moving, target], mapping[moving, 3]
        if offset != (0 if step > 0 else mask.shape[moving] - 1):
            return None
        if step < 0:
            permuted = np.flip(permuted, axis=target)
    return permuted


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


def _grid(shape: tuple[int, ...], affine: Affine) -> str:
    """Describe a grid: size, spacing, axes, origin."""
    size = "x".join(map(str, shape))
    spacing = "x".join(f"{length:.4g}" for length in np.linalg.norm(affine[:3, :3], axis=0))
    origin = ", ".join(f"{position:.1f}" for position in affine[:3, 3])
    return f"{size} voxels of {spacing} mm, axes {axis_codes(affine)}, origin ({origin})"
