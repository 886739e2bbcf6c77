"""Concatenations: one multi-frame image in several files (DICOM PS3.3, C.7.6.16.2.2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from medpaint.io.dicom.headers import Header

__all__ = ["IDENTIFIERS", "with_parts_counted"]

IDENTIFIERS: Final = ("ConcatenationUID", "SOPInstanceUIDOfConcatenationSource")
"""Attributes that tie the parts together; a derived image has its own."""


def with_parts_counted(headers: Sequence[Header]) -> list[Header]:
    """Return the headers of a series, with a note where parts of a concatenation are absent."""
    parts: dict[tuple[str, int], set[str]] = {}
    for header in headers:
        parts.setdefault(header.concatenation, set()).add(header.sop_uid)
    notes = {
        key: f"{len(found)} of {key[1]} files of a concatenated image are here: slices may be absent"
        for key, found in parts.items()
        if key[0] and len(found) < key[1]
    }
    return [
        replace(one, notes=(*one.notes, notes[one.concatenation])) if one.concatenation in notes else one
        for one in headers
    ]
