"""Which scans an evaluation is made on, whose they are, and which must not be looked at."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.io.inspection import inspect

__all__ = ["TABLE_COLUMNS", "LeftOut", "Subject", "find_subjects"]

TABLE_COLUMNS: Final = ("image", "scan", "person", "avoid", "series", "frame")
"""Columns of a table of scans; only the first is needed."""

_BIDS_SUBJECT: Final = re.compile(r"(?:^|_)(sub-[A-Za-z0-9]+)(?:_|\.|$)")
_TABLES: Final = (".tsv", ".txt")
_ENDINGS: Final = re.compile(r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|dcm|img|hdr)$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A clean scan to make holes in.

    Attributes:
        path: a file, or the folder of a DICOM series.
        scan: what to call it.
        person: whose it is.
        avoid: mask of what is not healthy in it; no hole is scored there.
        series: which DICOM series, by its UID, where the folder holds several.
        frame: which frame of a 4D scan.
    """

    path: Path
    scan: str
    person: str
    avoid: Path | None = None
    series: str | None = None
    frame: int | None = None

    @classmethod
    def of(cls, path: Path, *, scan: str = "", person: str = "", avoid: Path | None = None) -> Subject:
        """Return the scan at `path`, called by its stem, of the person that its BIDS entity ``sub-`` names.

        Without such an entity every scan counts as a person of its own.
        """
        name = scan or _ENDINGS.sub("", path.name)
        found = _BIDS_SUBJECT.search(path.name)
        return cls(path, name, person or (found[1] if found else name), avoid)


@dataclass(frozen=True)
class LeftOut:
    """Something that was not scored.

    Attributes:
        path: the scan.
        what: the part of the evaluation that is missing: all of the scan, a kind of hole, or an engine.
        reason: why, in one line.
    """

    path: str
    what: str
    reason: str


def find_subjects(paths: Sequence[Path]) -> Iterator[Subject | LeftOut]:
    """Yield the scans that `paths` stand for: files, folders to search, or tables of scans.

    Raises:
        InputError: nothing is there, or a table or folder holds no scans.
        UsageError: a table has a column that is not known, or lacks the one that is needed.
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
        if not finding.restorable:
            yield LeftOut(str(finding.path), "scan", finding.reason)
        elif finding.kind == "dicom":
            yield Subject(finding.path, finding.name, finding.path.name, series=finding.name)
        else:
            yield Subject.of(finding.path)


def _in_table(path: Path) -> Iterator[Subject]:
    """Yield the rows of a table of scans; its paths are relative to the working folder, as a cohort's are."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {getattr(error, 'strerror', None) or 'not a text file in UTF-8'}"
        raise UnreadableError(message) from error
    if not rows:
        message = f"{path}: expected at least one scan, got none"
        raise InputError(message)
    unknown = [str(column) for column in rows[0] if column not in TABLE_COLUMNS]
    if unknown or "image" not in rows[0]:
        message = f"{path}: expected the columns {', '.join(TABLE_COLUMNS)}, of which image is needed, "
        message += f"got {', '.join(map(str, rows[0]))}"
        raise UsageError(message)
    for number, row in enumerate(rows, start=2):
        yield _subject({column: value or "" for column, value in row.items()}, f"{path}, line {number}")


def _subject(row: dict[str, str], where: str) -> Subject:
    """Return one row of a table."""
    frame = row.get("frame", "")
    if not row["image"] or (frame and not frame.isdigit()):
        message = (
            f"{where}: expected an image, and a frame counted from 0 or none, got {row['image']!r}, {frame!r}"
        )
        raise UsageError(message)
    avoid = row.get("avoid", "")
    plain = Subject.of(Path(row["image"]), scan=row.get("scan", ""), person=row.get("person", ""))
    return Subject(
        plain.path,
        plain.scan,
        plain.person,
        Path(avoid) if avoid else None,
        row.get("series") or None,
        int(frame) if frame else None,
    )
