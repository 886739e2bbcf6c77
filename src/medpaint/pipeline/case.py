"""What one step hands to the next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from medpaint.core.types import Array, FloatArray, Mask, Progress
from medpaint.core.volume import Volume
from medpaint.io.source import Source
from medpaint.layouts.plain import Products
from medpaint.record.entries import Draft, Record

__all__ = ["Blended", "Case", "Filled", "MaskLike", "Restoration", "Scan", "ScanLike", "report_progress"]

ScanLike: TypeAlias = str | Path | Volume | Array
"""A file, the folder or archive of a series, a volume, or an array (I, J, K)."""

MaskLike: TypeAlias = str | Path | Array | None
"""A file, an array on the scan's grid, or None to detect damage."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan that was read.

    Attributes:
        volume: its stored values.
        source: where it came from; None for an array.
        draft: the record so far.
    """

    volume: Volume
    source: Source | None
    draft: Draft


@dataclass(frozen=True, eq=False)
class Case:
    """A scan, and what is to be repaired in it.

    Attributes:
        volume: the scan.
        mask: True = repair, (I, J, K); may be empty.
        draft: the record so far.
    """

    volume: Volume
    mask: Mask
    draft: Draft


@dataclass(frozen=True, eq=False)
class Filled:
    """What an engine made of a case.

    Attributes:
        mask: True = repaired, (I, J, K).
        values: intensities, one for each True of `mask`, in C order, (N,).
        draft: the record so far.
    """

    mask: Mask
    values: FloatArray
    draft: Draft


@dataclass(frozen=True, eq=False)
class Blended:
    """A restored scan, ready to be written.

    Attributes:
        volume: the scan with the fill blended in; outside the mask bit for bit the scan.
        mask: True = repaired, (I, J, K).
        checksum: of the scan's stored values outside the mask, taken before anything was blended in.
        draft: the record so far.
    """

    volume: Volume
    mask: Mask
    checksum: str
    draft: Draft


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored scan.

    Attributes:
        volume: the scan with the filled voxels blended in; outside the mask bit for bit the scan.
        mask: True = repaired, (I, J, K).
        record: what made it.
        products: where it was written; None where it was not.
    """

    volume: Volume
    mask: Mask
    record: Record
    products: Products | None


def report_progress(progress: Progress | None, step: str, fraction: float) -> None:
    """Report progress to the listener, if there is one."""
    if progress is not None:
        progress(step, fraction)
