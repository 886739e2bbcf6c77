"""The first step: a scan is read."""

from __future__ import annotations

import hashlib
from time import perf_counter

import numpy as np

from medpaint.core.volume import Volume
from medpaint.io.memory import Given, given, path_of
from medpaint.io.reading import read_selected
from medpaint.io.selection import Selection
from medpaint.io.source import Source
from medpaint.parameters import Parameters
from medpaint.pipeline.case import Scan, ScanLike
from medpaint.record.entries import Draft, ReadEntry

__all__ = ["read"]


def read(scan: ScanLike, selection: Selection) -> Scan:
    """Read a scan, or take an array or a volume as one.

    Args:
        scan: see `ScanLike`.
        selection: which volume, where a file or folder holds several.

    Raises:
        InputError: the scan is refused.
    """
    started = perf_counter()
    volume, source, held = _volume(scan, selection)
    entry = _entry(volume, source, held, round(perf_counter() - started, 4))
    draft = Draft(read=entry, parameters=Parameters(read=selection))
    if source is not None:
        return Scan(volume, source, draft, positions=source.positions)
    return Scan(volume, None, draft, held.image, held.positions) if held else Scan(volume, None, draft)


def _volume(scan: ScanLike, selection: Selection) -> tuple[Volume, Source | None, Given | None]:
    """Return the scan as a volume, and its source or what it was given as, if it has one."""
    if isinstance(scan, Volume):
        return scan, None, None
    path = path_of(scan, "scan")
    if path is not None:
        return *read_selected(path, selection), None
    held = given(scan, "scan")
    return held.volume(), None, held


def _entry(volume: Volume, source: Source | None, held: Given | None, seconds: float) -> ReadEntry:
    """Return the record's entry of the scan."""
    header = source or held
    return ReadEntry(
        path=str(source.path) if source else "",
        sha256=source.sha256 if source else _digest(volume),
        kind=source.kind if source else "array",
        shape=volume.shape,
        spacing_mm=volume.spacing_mm,
        dtype=volume.data.dtype.name,
        facts=dict(header.facts) if header else {},
        warnings=header.warnings if header else (),
        seconds=seconds,
    )


def _digest(volume: Volume) -> str:
    """Return the hash of an array's values."""
    return hashlib.sha256(np.ascontiguousarray(volume.data).data).hexdigest()
