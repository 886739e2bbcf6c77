"""Holes shaped like lesions: compact, irregular, in one piece."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label

from medpaint.core.errors import InputError
from medpaint.core.geometry import blur_widths
from medpaint.core.text import distinct_digits
from medpaint.core.types import FloatArray, Mask, Spacing, Window

__all__ = ["lesion_blob"]

_REACH: Final = 2.2
"""Half the edge of the box that a blob is drawn in, in radii of a ball of its volume."""

_ROUGHNESS: Final = 0.3
"""Standard deviation of the outline's radius, relative to it."""

_DETAIL: Final = 0.35
"""Correlation length of the outline, in radii."""


def lesion_blob(
    foreground: Mask,
    spacing_mm: Spacing,
    *,
    volume_ml: float,
    seed: int,
    centre: tuple[int, int, int] | None = None,
) -> Mask:
    """Return a mask of one connected, irregular blob inside `foreground`.

    Voxels are taken in the order of their distance from the centre, roughened by a smooth random field, until they
    make up the volume; each shares a face with one taken before.

    Args:
        foreground: where the blob may lie, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        volume_ml: volume of the blob, accurate to half a voxel.
        seed: decides the shape and, if `centre` is None, the place.
        centre: voxel of the foreground to grow from; None draws one that lies deep enough, if possible.

    Raises:
        InputError: too little connected foreground around the centre.
    """
    if not volume_ml > 0.0:
        message = f"expected a positive volume_ml, got {volume_ml}"
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    count = max(1, round(volume_ml * 1000.0 / float(np.prod(spacing_mm))))
    radius_mm = (volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    centre = _draw_centre(foreground, spacing_mm, radius_mm, rng) if centre is None else centre
    box = _box(foreground.shape, spacing_mm, centre, _REACH * radius_mm)
    start = tuple(int(c - part.start) for c, part in zip(centre, box, strict=True))
    rank = _roughened_distance(foreground[box].shape, spacing_mm, start, radius_mm, rng)
    allowed = _piece(foreground[box], start)
    if np.count_nonzero(allowed) < count:
        held = np.count_nonzero(allowed) * float(np.prod(spacing_mm)) / 1000.0
        message = (
            f"expected {volume_ml:g} ml of connected foreground around voxel {centre}, got "
            f"{distinct_digits(held, volume_ml)} ml"
        )
        raise InputError(message)
    mask = np.zeros(foreground.shape, dtype=bool)
    mask[box] = _grown(np.where(allowed, rank, np.inf), start, count)
    return mask


def _draw_centre(
    foreground: Mask, spacing_mm: Spacing, radius_mm: float, rng: np.random.Generator
) -> tuple[int, int, int]:
    """Return a random voxel of the foreground, half a radius below its surface if possible."""
    if not foreground.any():
        message = "expected a foreground with at least one voxel, got an empty one"
        raise InputError(message)
    depth = distance_transform_edt(np.pad(foreground, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    deep = np.flatnonzero(depth >= min(0.5 * radius_mm, float(depth.max())))
    i, j, k = np.unravel_index(int(rng.choice(deep)), foreground.shape)
    return int(i), int(j), int(k)


def _box(shape: tuple[int, ...], spacing_mm: Spacing, centre: tuple[int, int, int], reach_mm: float) -> Window:
    """Return the box of half edge `reach_mm` around `centre`, within the volume."""
    reach = [int(np.ceil(reach_mm / size)) + 1 for size in spacing_mm]
    i, j, k = (slice(max(0, c - r), min(n, c + r + 1)) for c, r, n in zip(centre, reach, shape, strict=True))
    return i, j, k


def _roughened_distance(
    shape: tuple[int, ...],
    spacing_mm: Spacing,
    start: tuple[int, ...],
    radius_mm: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the distance of each voxel from `start` in radii, plus a smooth random field, (I, J, K)."""
    steps = np.ogrid[tuple(slice(0, n) for n in shape)]
    squares = [np.square((axis - s) * size) for axis, s, size in zip(steps, start, spacing_mm, strict=True)]
    distance: FloatArray = np.sqrt(sum(squares, start=np.zeros(shape))) / radius_mm
    noise = gaussian_filter(rng.standard_normal(shape), blur_widths(_DETAIL * radius_mm, spacing_mm, shape))
    spread = float(noise.std())
    return distance + noise * (_ROUGHNESS / spread) if spread > 0.0 else distance


def _piece(allowed: Mask, start: tuple[int, ...]) -> Mask:
    """Return the part of `allowed` that is face-connected to `start`; empty if `start` is not allowed."""
    numbers, _ = label(allowed)
    piece: Mask = (numbers == numbers[start]) & allowed
    return piece


def _grown(rank: FloatArray, start: tuple[int, ...], count: int) -> Mask:
    """Return the `count` voxels of lowest rank that are face-connected to `start`, or nearly those.

    The threshold is found by bisection. If the next higher one would add a whole side branch, that branch is
    entered layer by layer until the count is reached.
    """
    levels = np.sort(rank[np.isfinite(rank)])
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        enough = np.count_nonzero(_up_to(rank, start, levels[middle])) >= count
        low, high = (low, middle) if enough else (middle + 1, high)
    wanted = _up_to(rank, start, levels[low])
    grown = _up_to(rank, start, levels[low - 1]) if low > 0 else np.zeros_like(wanted)
    grown[start] = True
    while (missing := count - np.count_nonzero(grown)) > 0:
        layer = np.flatnonzero(binary_dilation(grown) & wanted & ~grown)
        grown.ravel()[layer[np.argsort(rank.ravel()[layer], kind="stable")[:missing]]] = True
    return grown


def _up_to(rank: FloatArray, start: tuple[int, ...], level: float) -> Mask:
    """Return the voxels of rank up to `level` connected to `start`, which is always among them."""
    allowed = rank <= level
    allowed[start] = True
    return _piece(allowed, start)
