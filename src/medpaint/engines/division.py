"""A mask divided by kind: lost slices, and other holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from medpaint.core.boxes import bounding_box
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.gaps import MOST_LOST, beside_gaps, gap_axes, lost_slices

__all__ = ["HOLES", "SLICES", "Kind", "Part", "divided", "joined"]

Kind = Literal["lost slices", "other holes"]
"""What a part of a mask consists of."""

SLICES: Final = "lost slices"
HOLES: Final = "other holes"

_LEAST_SHARE: Final = 0.01
"""Share of a slice below which what is masked of it is not compared with the body."""

_COVERED: Final = 0.85
"""Share of the body that has to be masked for a slice to be lost: it changes between slices."""

_SHOWING: Final = 0.1
"""Largest number of known voxels of tissue in such a slice, as a share of the body: the rim of a tight mask."""

_ABRUPT: Final = 0.5
"""Slices beside a lost one have at most this share of its masked voxels; a blob ends gradually."""

_ALIKE: Final = 0.5
"""Share of the body in either of the known slices around a lost one that has to be body in both."""

_SPECK: Final = 0.1
"""Pieces of tissue in a slice below this share of the largest are no body: ghosts, or the table."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a mask that gets an engine of its own.

    Attributes:
        kind: lost slices or other holes; None where that makes no difference.
        mask: True = fill, (I, J, K).
        absent: True = not shown to the engine and not filled, (I, J, K): lost slices that are filled later, and
            the known air around the body in lost slices; None if there is none.
        unmeasured: True = not compared with either, (I, J, K): `absent`, and what was filled before; None if there
            is none.
        disregarded: number of known voxels that the engine is not shown.
    """

    kind: Kind | None
    mask: Mask
    absent: Mask | None = None
    unmeasured: Mask | None = None
    disregarded: int = 0


def divided(volume: Volume, mask: Mask, void: Mask | None) -> tuple[Part, ...]:
    """Return the parts of a mask in the order in which they are filled: other holes first, then lost slices.

    A slice between known ones is lost if none of its voxels is known, or if the body in it is masked and only air
    around the body is known. The part of a hole that lies in a lost slice belongs to the slice.

    Args:
        volume: the scan, at human scale.
        mask: True = fill, (I, J, K).
        void: True = outside the image, (I, J, K); None if there is none.

    Returns:
        A part for each kind that the mask holds; one, of other holes, for an empty mask.
    """
    around = _around_body(volume, mask, void)
    outside = joined(void, around)
    if not gap_axes(mask, outside):
        return (Part(HOLES, mask),)
    known = 0 if around is None else int(np.count_nonzero(around))
    holes = beside_gaps(mask, outside)
    if not holes.any():
        return (Part(SLICES, mask, around, around, known),)
    slices = mask & ~holes
    later = joined(slices, around)
    return Part(HOLES, holes, later, later, known), Part(SLICES, slices, around, joined(around, holes), known)


def joined(first: Mask | None, second: Mask | None) -> Mask | None:
    """Return the union of two masks, (I, J, K), each of which may be None, which is empty."""
    if first is None or second is None:
        return second if first is None else first
    return first | second


def _around_body(volume: Volume, mask: Mask, void: Mask | None) -> Mask | None:
    """Return the known voxels of slices in which the body is masked, (I, J, K); None if there is no such slice."""
    box = bounding_box(mask)
    if 1 in mask.shape or box is None:
        return None
    whole = gap_axes(mask, void)
    body: _Bodies | None = None
    for axis in whole[:1] or (2, 1, 0):
        masked = np.zeros(mask.shape[axis], dtype=np.int64)
        masked[box[axis]] = np.count_nonzero(mask[box], axis=tuple(one for one in range(3) if one != axis))
        large = masked >= _LEAST_SHARE * mask.size / mask.shape[axis]
        if not large.any():
            continue
        some, unseen = lost_slices(mask, void, axis)
        large &= some & ~unseen
        if not large.any():
            continue
        body = body or _Bodies.of(volume, mask, void)
        found = _masked_bodies(body, axis, masked, large, unseen)
        if found:
            around = np.zeros_like(mask)
            known = ~mask if void is None else ~(mask | void)
            np.moveaxis(around, axis, 0)[found] = np.moveaxis(known, axis, 0)[found]
            return around
    return None


@dataclass(frozen=True, eq=False)
class _Bodies:
    """Known tissue, by slices.

    Attributes:
        tissue: True = known and as bright as tissue, (I, J, K).
        mask: True = fill, (I, J, K).
    """

    tissue: Mask
    mask: Mask

    @classmethod
    def of(cls, volume: Volume, mask: Mask, void: Mask | None) -> _Bodies:
        """Separate the known tissue of a volume from its background."""
        unknown = mask if void is None else mask | void
        threshold = foreground_of(volume, unknown, outside=True).threshold
        return cls((volume.data > threshold) & ~unknown, mask)

    def covered(self, axis: int, number: int, below: int, above: int) -> bool:
        """Return whether the body is masked in a slice, given two known slices around it.

        What is body in both of them is body in the slice too; the body must not end between them.
        """
        tissue, mask = np.moveaxis(self.tissue, axis, 0), np.moveaxis(self.mask, axis, 0)
        first, second = (_body_in(tissue[one] | mask[one]) for one in (below, above))
        certain, possible = first & second, first | second
        size = int(np.count_nonzero(certain))
        if size == 0 or size < _ALIKE * np.count_nonzero(possible):
            return False
        covered, showing = np.count_nonzero(certain & mask[number]), np.count_nonzero(tissue[number] & possible)
        return bool(covered >= _COVERED * size and showing <= _SHOWING * size)


def _body_in(bright: Mask) -> Mask:
    """Return a slice, (J, K), without specks."""
    numbers, _ = label(bright)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    body: Mask = (sizes >= max(1.0, _SPECK * sizes.max()))[numbers]
    return body


def _masked_bodies(bodies: _Bodies, axis: int, masked: NDArray[np.int64], large: Mask, unseen: Mask) -> list[int]:
    """Return the numbers of slices along an axis in which the body is masked, at most `MOST_LOST` in a row.

    Args:
        bodies: the known tissue.
        axis: the one that numbers the slices.
        masked: number of masked voxels in each, (S,).
        large: which slices may be such, (S,).
        unseen: which have no known voxel, (S,).
    """
    found = unseen.copy()
    ends: dict[int, tuple[int, int]] = {}
    for number in np.flatnonzero(large).tolist():
        free = np.flatnonzero(~unseen & (masked <= _ABRUPT * masked[number]))
        place = int(np.searchsorted(free, number))
        if not 0 < place < len(free):
            continue
        below, above = int(free[place - 1]), int(free[place])
        if above - below <= MOST_LOST + 1 and bodies.covered(axis, number, below, above):
            found[number] = True
            ends[number] = below, above
    return [number for number, (below, above) in ends.items() if found[below + 1 : above].all()]
