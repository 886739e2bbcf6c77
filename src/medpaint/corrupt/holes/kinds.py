"""The table of kinds of holes, each made from a foreground, a size and a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.corrupt.base import Damaged, voided
from medpaint.corrupt.holes.blob import lesion_blob
from medpaint.corrupt.holes.border import border_blob
from medpaint.corrupt.holes.edges import edge_block
from medpaint.corrupt.holes.shapes import LesionShape, lesion_shape
from medpaint.corrupt.holes.slices import missing_slices, periodic_slices
from medpaint.corrupt.tissue import tissue_of

__all__ = ["KINDS", "HoleMaker", "Kind", "kinds", "slice_axis"]

_MIDDLE: Final = 0.6
"""Share of the foreground's extent, around its middle, where lost slices are placed."""

_FEWEST_GAPS: Final = 3
"""Fewest gaps that make a period."""


class HoleMaker(Protocol):
    """Makes the mask of a hole."""

    def __call__(self, foreground: Mask, spacing_mm: Spacing, size: float, seed: int) -> Mask:
        """Return a mask that contains at least one voxel of the foreground.

        Args:
            foreground: the tissue, (I, J, K).
            spacing_mm: voxel size along I, J, K.
            size: in the unit of the kind.
            seed: the same seed gives the same hole.

        Raises:
            InputError: no hole of that size fits.
        """
        ...


@dataclass(frozen=True)
class Kind:
    """A row of the table. It is a `medpaint.corrupt.base.Damage`, whose severity is the size of the hole.

    Attributes:
        make: makes the mask of a hole.
        unit: unit of the size: millilitres, or slices.
        ranges: the default ranges of sizes, (lowest, highest).
    """

    make: HoleMaker
    unit: Literal["ml", "slices"]
    ranges: tuple[tuple[float, float], ...]

    def __call__(self, volume: Volume, severity: float, seed: int, *, tissue: Mask | None = None) -> Damaged:
        """Return the scan with a hole in it, set to the lowest value of the tissue around it.

        Args:
            volume: the clean scan, (I, J, K).
            severity: size of the hole, in `unit`.
            seed: decides the place and the shape.
            tissue: where the hole may lie, (I, J, K), for callers that have it; None finds it, which is costly.

        Raises:
            InputError: no hole of that size fits, or it leaves no tissue.
        """
        tissue = tissue_of(volume) if tissue is None else tissue
        mask = self.make(tissue, volume.spacing_mm, severity, seed)
        known = tissue & ~mask
        if not known.any():
            message = (
                f"expected a hole that leaves tissue around it, got {severity:g} {self.unit}, which covers it all"
            )
            raise InputError(message)
        value = float(volume.data[known].min())
        facts: dict[str, JsonValue] = {
            "severity": severity,
            "unit": self.unit,
            "seed": seed,
            "ml": float(np.count_nonzero(mask)) * volume.voxel_ml,
            "stored_value": value,
        }
        return Damaged(replace(volume, data=voided(volume.data, mask, value)), mask, facts)

    def drawn_size(self, limits: tuple[float, float], seed: int) -> float:
        """Return a size between `limits`, the same for the same seed; a whole number where slices are counted."""
        rng = np.random.default_rng(seed)
        if self.unit == "slices":
            return float(rng.integers(int(limits[0]), int(limits[1]), endpoint=True))
        return float(rng.uniform(*limits))


def slice_axis(spacing_mm: Spacing) -> int:
    """Return the axis that a scan was acquired along: the one of largest spacing, in a tie the last."""
    return max(range(3), key=lambda axis: (round(spacing_mm[axis], 3), axis))


def _blob(foreground: Mask, spacing_mm: Spacing, size: float, seed: int) -> Mask:
    return lesion_blob(foreground, spacing_mm, volume_ml=size, seed=seed)


def _border(foreground: Mask, spacing_mm: Spacing, size: float, seed: int) -> Mask:
    return border_blob(foreground, spacing_mm, volume_ml=size, seed=seed)


def _edge(foreground: Mask, spacing_mm: Spacing, size: float, seed: int) -> Mask:
    return edge_block(foreground, spacing_mm, volume_ml=size, seed=seed)


def _lesion(
    foreground: Mask, spacing_mm: Spacing, size: float, seed: int, *, shapes: Sequence[LesionShape]
) -> Mask:
    return lesion_shape(foreground, spacing_mm, volume_ml=size, seed=seed, shapes=shapes)


def _slices(foreground: Mask, spacing_mm: Spacing, size: float, seed: int, *, axis: int | None = None) -> Mask:
    """Return lost slices in the middle of the foreground's extent, some of it left on either side."""
    axis = slice_axis(spacing_mm) if axis is None else axis
    filled = np.flatnonzero(foreground.any(axis=tuple(other for other in range(3) if other != axis)))
    count = int(size)
    if len(filled) == 0 or filled[-1] - filled[0] + 1 < count + 2:
        message = f"expected tissue in more than {count + 1} slices along {'IJK'[axis]}, got {len(filled)}"
        raise InputError(message)
    first, last = int(filled[0]) + 1, int(filled[-1]) - count
    margin = min(round((1.0 - _MIDDLE) / 2.0 * (filled[-1] - filled[0])), (last - first) // 2)
    start = np.random.default_rng(seed).integers(first + margin, last - margin, endpoint=True)
    i, j, k = foreground.shape
    return missing_slices((i, j, k), axis=axis, count=count, first=int(start))


def _periodic(foreground: Mask, spacing_mm: Spacing, size: float, seed: int) -> Mask:
    """Return one lost slice in every `size`, across the largest spacing, between known slices at either end.

    They run through more than half of the foreground's extent. With every second slice lost, less than half of the
    foreground is.
    """
    axis, period, rng = slice_axis(spacing_mm), int(size), np.random.default_rng(seed)
    filled = np.flatnonzero(foreground.any(axis=tuple(other for other in range(3) if other != axis)))
    extent = int(filled[-1] - filled[0]) + 1 if len(filled) else 0
    if period < 2 or extent < _FEWEST_GAPS * period + 1:
        message = f"expected tissue in more than {_FEWEST_GAPS} periods of at least 2 slices, got {extent} slices"
        raise InputError(message)
    number = max(_FEWEST_GAPS, int(rng.uniform(_MIDDLE, 1.0) * extent) // period)
    room = extent - 2 - (number - 1) * period
    first = int(filled[0]) + 1 + int(rng.integers(0, max(1, room)))
    i, j, k = foreground.shape
    stop = min(first + (number - 1) * period + 1, int(filled[-1]))
    return periodic_slices((i, j, k), axis=axis, period=period, first=first, stop=stop)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "blob": Kind(_blob, "ml", ((0.4, 2.0), (8.0, 15.0), (30.0, 50.0))),
        "slices": Kind(_slices, "slices", ((1, 3),)),
        "periodic": Kind(_periodic, "slices", ((2, 2), (3, 4))),
        "slab-i": Kind(partial(_slices, axis=0), "slices", ((4, 8),)),
        "slab-j": Kind(partial(_slices, axis=1), "slices", ((4, 8),)),
        "slab-k": Kind(partial(_slices, axis=2), "slices", ((4, 8),)),
        "edge": Kind(_edge, "ml", ((8.0, 15.0),)),
        "border": Kind(_border, "ml", ((10.0, 80.0),)),
    }
)
"""Kinds that need only the scan: irregular blobs; lost slices across the largest spacing; one lost slice in every
so many; slabs across each axis; blocks that reach in from a face of the volume; blobs across the surface of the
tissue."""


def kinds(shapes: Sequence[LesionShape] = ()) -> Mapping[str, Kind]:
    """Return the table, with the kind ``lesion`` in it if there are `shapes` of lesions for it."""
    if not shapes:
        return KINDS
    lesion = Kind(partial(_lesion, shapes=shapes), "ml", ((8.0, 15.0), (30.0, 50.0)))
    return MappingProxyType({"lesion": lesion, **KINDS})
