"""What passes between the steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from medpaint.core.types import Array, FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.io.source import Source
from medpaint.record.entries import Draft

__all__ = ["Case", "Filled", "ScanLike"]

ScanLike: TypeAlias = str | Path | Volume | Array


@dataclass(frozen=True, eq=False)
class Case:
    """A scan and what is to be repaired in it.

    Attributes:
        volume: the scan.
        mask: True = repair, (I, J, K); may be empty.
        source: where the scan came from; None for an array.
        draft: the record so far.
    """

    volume: Volume
    mask: Mask
    source: Source | None
    draft: Draft


@dataclass(frozen=True, eq=False)
class Filled:
    """What an engine made of a case.

    Attributes:
        mask: True = repaired, (I, J, K).
        values: intensities, one for each True of `mask`, in C order.
        draft: the record so far.
    """

    mask: Mask
    values: FloatArray
    draft: Draft
