"""Known tissue to hide: copies of the holes, smaller, where the scan looks like it does around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, zoom

from medpaint.core.boxes import bounding_box, grown, of_whole, within
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.heldout.base import HeldOut
from medpaint.engines.heldout.mirrored import other_side_too
from medpaint.engines.windows import windows

__all__ = ["held_out_holes"]

_SHARE: Final = 1 / 3
"""Largest share of the mask's voxels that is hidden, to bound the time."""

_MOST: Final = 3
"""Largest number of copies."""

_FEWEST: Final = 30
"""Voxels below which a copy says nothing."""

_NEAR_MM: Final = 60.0
"""How far from a hole a copy may lie."""

_SEEN_MM: Final = 150.0
"""Margin around the copies that engines see."""

_MOST_VOXELS: Final = 20_000_000
"""Approximate largest size of the window that engines see."""

_APART_MM: Final = 6.0
"""Distance of a copy from anything unknown, so that both have known tissue around them."""

_PLACES: Final = 400
"""Number of places that are compared."""

_PROBES: Final = 150
"""Number of voxels by which they are compared."""

_Voxels = NDArray[np.int64]
"""Voxel indices, (N, 3)."""


@dataclass(frozen=True, eq=False)
class _Shape:
    """A copy of a hole, and the layer of voxels around it, as steps from its corner.

    Attributes:
        inside: (N, 3).
        rim: (R, 3).
    """

    inside: _Voxels
    rim: _Voxels


def held_out_holes(volume: Volume, mask: Mask, void: Mask | None, *, seed: int) -> list[HeldOut]:
    """Return copies of the largest holes to hide, each near the hole it was made from.

    A copy is scaled down so that all together are at most a third of the mask. Among places that are known
    throughout, it lies where the intensities around it are most like those around the hole.

    Args:
        volume: the scan.
        mask: True = fill, (I, J, K).
        void: True = outside the image, (I, J, K); None if there is none.
        seed: draws the places that are compared.

    Returns:
        All copies in one; none where no copy fits.
    """
    box = bounding_box(mask)
    if box is None:
        return []
    outer = _near(box, _NEAR_MM, volume.spacing_mm, mask.shape)
    scale = _scale(mask[outer], volume.spacing_mm)
    hidden = _hidden(volume.cropped(outer), mask[outer], None if void is None else void[outer], scale, seed)
    copies = bounding_box(hidden)
    if copies is None:
        return []
    found = of_whole(copies, outer)
    window = _seen(found, volume.spacing_mm, mask.shape)
    seen = np.zeros([part.stop - part.start for part in window], dtype=bool)
    seen[within(found, window)] = hidden[copies]
    unknown = mask[window] if void is None else mask[window] | void[window]
    unseen = other_side_too(volume.cropped(window), unknown, mask[window], seen)
    return [HeldOut(window, seen, scale, unseen)]


def _scale(mask: Mask, spacing_mm: Spacing) -> float:
    """Return the size of copies of the largest holes, along one axis, so that they are a share of the mask."""
    size = sum(int(np.count_nonzero(mask[part])) for part in _largest(mask, spacing_mm))
    return float(min(1.0, (_SHARE * np.count_nonzero(mask) / size) ** (1 / _axes(mask))))


def _axes(mask: Mask) -> int:
    """Return the number of axes longer than one voxel, at least 1."""
    return max(1, sum(int(count > 1) for count in mask.shape))


def _largest(mask: Mask, spacing_mm: Spacing) -> list[Window]:
    """Return the windows of the largest holes."""
    return sorted(windows(mask, spacing_mm, 0.0), key=lambda part: -np.count_nonzero(mask[part]))[:_MOST]


def _hidden(volume: Volume, mask: Mask, void: Mask | None, scale: float, seed: int) -> Mask:
    """Return the copies of the largest holes, (I, J, K)."""
    rng = np.random.default_rng(seed)
    taken = mask.copy() if void is None else mask | void
    hidden = np.zeros(mask.shape, dtype=bool)
    for part in _largest(mask, volume.spacing_mm):
        if np.count_nonzero(mask[part]) * scale ** _axes(mask) < _FEWEST:
            continue
        for window, copy in _copies(volume, mask, taken, part, scale, rng):
            hidden[window] |= copy
            taken[window] |= copy
    return hidden


def _copies(
    volume: Volume, mask: Mask, taken: Mask, part: Window, scale: float, rng: np.random.Generator
) -> Iterator[tuple[Window, Mask]]:
    """Yield a copy of one hole, and the window that it lies in; nothing where no place is known throughout."""
    spacing_mm = volume.spacing_mm
    near = _near(part, _NEAR_MM, spacing_mm, mask.shape)
    image = volume.intensities(near)
    unknown = taken[near] | ~np.isfinite(image)
    probes = _some(np.argwhere(_around(mask[near]) & ~unknown), rng)
    shape = _shape(mask[part], scale, rng)
    if not len(probes) or shape is None:
        return
    wanted = image[tuple(probes.T)]
    corners = _free(unknown, shape, spacing_mm, rng)
    if not len(corners):
        return
    corner = corners[np.argmin(_unlike(image, shape.rim + corners[:, np.newaxis], wanted))]
    copy = np.zeros(unknown.shape, dtype=bool)
    copy[tuple((shape.inside + corner).T)] = True
    yield near, copy


def _seen(part: Window, spacing_mm: Spacing, shape: tuple[int, ...]) -> Window:
    """Return the window around copies that engines see, with less margin where it would be too large."""
    margin_mm = _SEEN_MM
    while True:
        window = _near(part, margin_mm, spacing_mm, shape)
        if margin_mm <= _NEAR_MM or prod(one.stop - one.start for one in window) <= _MOST_VOXELS:
            return window
        margin_mm /= 1.5


def _near(part: Window, margin_mm: float, spacing_mm: Spacing, shape: tuple[int, ...]) -> Window:
    """Return a window grown by a margin in mm."""
    i, j, k = (int(np.ceil(margin_mm / size)) for size in spacing_mm)
    return grown(part, (i, j, k), shape)


def _around(mask: Mask) -> Mask:
    """Return the two layers of voxels around a mask, (I, J, K)."""
    box = bounding_box(mask)
    ring = np.zeros_like(mask)
    if box is not None:
        part = grown(box, (2, 2, 2), mask.shape)
        ring[part] = binary_dilation(mask[part], np.ones((3, 3, 3), dtype=bool), iterations=2) & ~mask[part]
    return ring


def _shape(hole: Mask, scale: float, rng: np.random.Generator) -> _Shape | None:
    """Return a hole scaled down, and probes around it; None if nothing is left of it."""
    small = hole
    if scale < 1.0:
        factors = [max(1, round(size * scale)) / size for size in hole.shape]
        small = zoom(hole.astype(np.float32), factors, order=1, grid_mode=True, mode="grid-constant") > 0.5
    padded = np.pad(small, 2)
    if not padded.any():
        return None
    ring = _around(padded)
    return _Shape(np.argwhere(padded) - 2, _some(np.argwhere(ring), rng) - 2)


def _free(unknown: Mask, shape: _Shape, spacing_mm: Spacing, rng: np.random.Generator) -> _Voxels:
    """Return corners at which a copy lies apart from all that is unknown, at most `_PLACES`, (P, 3)."""
    extent = shape.inside.max(axis=0) + 1
    room = np.array(unknown.shape) - extent + 1
    if (room <= 0).any():
        return np.empty((0, 3), dtype=np.int64)
    drawn = rng.integers(0, room, size=(8 * _PLACES, 3))
    i, j, k = (int(np.ceil(_APART_MM / size)) for size in spacing_mm)
    margin = np.array((i, j, k))
    counts = np.pad(unknown.astype(np.int32), [(1, 0)] * 3).cumsum(0).cumsum(1).cumsum(2)
    low = np.maximum(drawn - margin, 0)
    high = np.minimum(drawn + extent + margin, unknown.shape)
    total = np.zeros(len(drawn), dtype=np.int64)
    for pick in np.ndindex(2, 2, 2):
        corner = np.where(pick, high, low)
        total += (-1) ** (3 - sum(pick)) * counts[tuple(corner.T)]
    free: _Voxels = drawn[total == 0][:_PLACES]
    return free


def _unlike(image: FloatArray, probes: _Voxels, wanted: FloatArray) -> FloatArray:
    """Return how unlike `wanted`, (S,), the intensities at some probes each, (P, R, 3), are distributed, (P,).

    Probes outside the scan count at its border.
    """
    inside = np.clip(probes, 0, np.array(image.shape) - 1)
    quantiles = np.linspace(0.0, 1.0, 21)
    found = np.quantile(image[tuple(np.moveaxis(inside, -1, 0))], quantiles, axis=1)
    apart: FloatArray = np.abs(found - np.quantile(wanted, quantiles)[:, np.newaxis]).mean(axis=0)
    return apart


def _some(voxels: _Voxels, rng: np.random.Generator) -> _Voxels:
    """Return at most `_PROBES` of some voxels, (N, 3)."""
    if len(voxels) <= _PROBES:
        return voxels
    return voxels[np.sort(rng.choice(len(voxels), _PROBES, replace=False))]
