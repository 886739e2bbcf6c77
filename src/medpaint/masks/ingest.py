"""From a mask file's values to a mask on the scan's grid, or a refusal that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box
from medpaint.core.errors import AmbiguousError, MaskError
from medpaint.core.geometry import axis_codes, index_map
from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.masks.foreground import foreground_of

__all__ = ["aligned", "binarised", "check_against_scan"]

TINY_VOXELS: Final = 3
"""A mask of so few voxels is more often a slip than damage; it is done, with a warning."""

NEAR_MM: Final = 20.0
"""A mask further than this from all tissue is taken for another scan's."""


def binarised(values: Array, labels: Sequence[int] = (), *, invert: bool = False) -> Mask:
    """Return which voxels of a mask image are to be repaired.

    Args:
        values: the mask image's values, any shape.
        labels: which labels to repair; none given: whatever is not 0, provided that it is one value.
        invert: repair what is 0 instead (for masks drawn black = repair).

    Raises:
        MaskError: NaN in the mask, fractional values, or a label that does not occur.
        AmbiguousError: several labels and none chosen.
    """
    if values.dtype.kind not in "biuf":
        message = f"expected a mask of numbers, got {values.dtype}"
        raise MaskError(message)
    drawn: Mask = values != 0
    present = np.unique(values.ravel("K")[drawn.ravel("K")])
    if not np.isfinite(present).all():
        message = f"mask holds {int(np.count_nonzero(~np.isfinite(values)))} voxels that are NaN or infinite"
        raise MaskError(message)
    if labels:
        drawn = _chosen(values, present if drawn.all() else np.append(0, present), labels)
    elif present.size > 1 or (present.size and present[0] != np.rint(present[0])):
        _refuse_several(values, present)
    return np.logical_not(drawn, out=drawn) if invert else drawn


def aligned(mask: Mask, affine: Affine, scan: Volume, *, resample: bool = False) -> tuple[Mask, str]:
    """Return `mask` on the scan's grid, and how it was brought there.

    Args:
        mask: (I, J, K) on the grid of `affine`.
        affine: the mask's voxel index to RAS+ millimetres.
        scan: the scan whose grid is wanted.
        resample: take the nearest mask voxel where the grids differ, instead of refusing.

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
            f"scan {_grid(scan.shape, scan.affine)}; resample it, or ask for it with --resample-mask"
        )
        raise MaskError(message)
    return _resampled(mask, affine, scan), "resampled"


def check_against_scan(mask: Mask, scan: Volume, *, max_fraction: float) -> tuple[str, ...]:
    """Return warnings about a mask that is not empty, or refuse it.

    Args:
        mask: (I, J, K), at least one voxel True.
        scan: the scan on the same grid.
        max_fraction: largest share of the foreground that may be masked.

    Raises:
        MaskError: every voxel masked, more than `max_fraction` of the foreground masked (a mask of the
            wrong polarity looks like this), or a mask that lies nowhere near the scan's tissue.
    """
    count = int(np.count_nonzero(mask))
    if count == mask.size:
        message = (
            f"mask covers all {count} voxels: nothing is known to restore from (a wrong polarity, see "
            "--invert-mask, or a dilation that is too large)"
        )
        raise MaskError(message)
    foreground = foreground_of(scan, mask)
    if not foreground.tissue.any():
        message = "the scan holds no finite values to restore from"
        raise MaskError(message)
    if foreground.masked_share > max_fraction:
        message = (
            f"mask covers {foreground.masked_share:.0%} of the foreground, more than {max_fraction:.0%}: "
            "if black means repair use --invert-mask, if it is meant use --max-fraction"
        )
        raise MaskError(message)
    distance = _distance_mm(mask, scan, foreground.box)
    if distance > NEAR_MM:
        message = f"mask and scan do not overlap: the mask lies {distance:.0f} mm away from all tissue"
        raise MaskError(message)
    return (f"mask has only {count} voxels",) if count <= TINY_VOXELS else ()


def _chosen(values: Array, present: Array, labels: Sequence[int]) -> Mask:
    """Return where `values` is one of `labels`, all of which must occur."""
    absent = sorted(set(labels) - {float(value) for value in present})
    if absent:
        found = ", ".join(f"{value:g}" for value in present[:20])
        message = f"mask has no label {', '.join(map(str, absent))}; it has {found}"
        raise MaskError(message)
    return np.isin(values, np.array(sorted(set(labels)), values.dtype))


def _refuse_several(values: Array, nonzero: Array) -> None:
    """Refuse a mask of several values, as labels to choose from or as fractions."""
    if not np.array_equal(nonzero, np.rint(nonzero)):
        fractional = int(np.count_nonzero(values != np.rint(values)))
        message = f"mask has {fractional} fractional values; expected 0 and 1, or whole labels: threshold it first"
        raise MaskError(message)
    shown = ", ".join(f"{value:g}" for value in nonzero[:20]) + (", ..." if nonzero.size > 20 else "")
    message = f"mask has {nonzero.size} labels ({shown}); choose with --labels"
    raise AmbiguousError(message)


def _reoriented(mask: Mask, mapping: Affine, shape: tuple[int, int, int]) -> Mask | None:
    """Return the mask with its axes permuted and flipped by `mapping`; None where the sizes do not fit."""
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


def _distance_mm(mask: Mask, scan: Volume, box: tuple[slice, slice, slice]) -> float:
    """Return how far the mask's box lies from `box`, along the axis where it is farthest."""
    found = bounding_box(mask)
    if found is None:
        return 0.0
    gaps = (
        max(part.start - other.stop + 1, other.start - part.stop + 1, 0) * size
        for part, other, size in zip(found, box, scan.spacing_mm, strict=True)
    )
    return float(max(gaps))


def _grid(shape: tuple[int, ...], affine: Affine) -> str:
    """Return a grid in words: size, spacing, axes, origin."""
    size = "x".join(map(str, shape))
    spacing = "x".join(f"{length:.4g}" for length in np.linalg.norm(affine[:3, :3], axis=0))
    origin = ", ".join(f"{position:.1f}" for position in affine[:3, 3])
    return f"{size} voxels of {spacing} mm, axes {axis_codes(affine)}, origin ({origin})"
