"""The scans of an evaluation: their files, their persons, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from medpaint.core.errors import InputError, UsageError
from medpaint.io.inspection import inspect
from medpaint.io.tables import read_rows

__all__ = ["TABLE_COLUMNS", "LeftOut", "Subject", "find_subjects"]

TABLE_COLUMNS: Final = ("image", "scan", "person", "avoid", "series", "frame")
"""Columns of a table of scans; only the first is required."""

_BIDS_SUBJECT: Final = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)(?:_|\.|$)")
_TABLES: Final = (".tsv", ".txt")
_ENDINGS: Final = re.compile(r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|dcm|img|hdr)$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A clean scan to make holes in.

    Attributes:
        path: a file, or the folder of a DICOM series.
        scan: its name in tables.
        person: who was scanned.
        avoid: mask of unhealthy tissue, where nothing is scored.
        series: UID of the DICOM series, for a folder that holds several.
        frame: frame of a 4D scan, from 0.
    """

    path: Path
    scan: str
    person: str
    avoid: Path | None = None
    series: str | None = None
    frame: int | None = None

    @classmethod
    def of(cls, path: Path, *, scan: str = "", person: str = "", avoid: Path | None = None) -> Subject:
        """Return the scan at `path`, named by its stem, of the person in its BIDS entity ``sub-``.

        Without that entity every scan counts as a separate person.
        """
        name = scan or _ENDINGS.sub("", path.name)
        found = _BIDS_SUBJECT.search(path.name)
        return cls(path, name, person or (found[1] if found else name), avoid)


@dataclass(frozen=True)
class LeftOut:
    """Something that was not scored.

    Attributes:
        path: the scan.
        what: what is missing: the whole scan, a kind of hole, or an engine.
        reason: why, in one line.
    """

    path: str
    what: str
    reason: str


def find_subjects(paths: Sequence[Path]) -> Iterator[Subject | LeftOut]:
    """Yield the scans at `paths`, which are files, folders to search, or tables of scans.

    Raises:
        InputError: a path does not exist, or a table or folder has no scans.
        UsageError: a table has an unknown column, or lacks the required one.
    """
    for path in paths:
        if path.suffix.lower() in _TABLES:
            yield from _in_table(path)
        elif path.is_dir():
            yield from _in_folder(path)
        else:
            yield Subject.of(path)


def _in_folder(folder: Path) -> Iterator[Subject | LeftOut]:
    """Yield the images and DICOM series below a folder."""
    for finding in inspect(folder):
        if finding.is_mask:
            yield LeftOut(str(finding.path), "scan", "a mask, not a scan")
        elif not finding.restorable:
            yield LeftOut(str(finding.path), "scan", finding.reason)
        elif finding.series:
            yield Subject(finding.path, finding.name, finding.path.name, series=finding.series)
        else:
            yield Subject.of(finding.path)


def _in_table(path: Path) -> Iterator[Subject]:
    """Yield the rows of a table of scans; its paths are relative to the working folder, like a cohort's."""
    rows = read_rows(path, columns=TABLE_COLUMNS, required=("image",), what="a table of scans")
    if not rows:
        message = f"{path}: expected at least one scan, got none"
        raise InputError(message)
    for row in rows:
        yield _subject(row.values, f"{path}, line {row.line}")


def _subject(row: Mapping[str, str], where: str) -> Subject:
    """Return one row of a table."""
    frame, avoid = row.get("frame", ""), row.get("avoid", "")
    if not row["image"] or (frame and not frame.isdigit()):
        message = f"{where}: expected an image and, for 4D scans, a frame from 0, got {row['image']!r}, {frame!r}"
        raise UsageError(message)
    return replace(
        Subject.of(Path(row["image"]), scan=row.get("scan", ""), person=row.get("person", "")),
        avoid=Path(avoid) if avoid else None,
        series=row.get("series") or None,
        frame=int(frame) if frame else None,
    )
