"""Tab-separated tables: one reader and one writer.

A table is text in UTF-8, one row per line, the names of the columns in the first line. There is no quoting: a cell
can contain anything but tabs and line ends.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from medpaint.core.errors import MedpaintError, UnreadableError, UsageError
from medpaint.core.text import escaped, one_line
from medpaint.io.atomic import replacing
from medpaint.io.regular import regular_bytes

__all__ = ["Row", "read_rows", "write_rows"]

_MOST_SHOWN: Final = 200
"""Longest part of a table that a message quotes, in characters."""

_MOST_LISTED: Final = 6
"""Columns that a message lists, at most."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        line: its number in the file, from 1; the first line has the columns.
        values: cell by column; empty where the row is shorter than the first line.
    """

    line: int
    values: Mapping[str, str]


def read_rows(
    path: Path,
    *,
    columns: Sequence[str] | None,
    required: Sequence[str] = (),
    what: str,
    page: str = "",
    refusal: type[MedpaintError] = UsageError,
    bad_bytes: Literal["strict", "surrogateescape"] = "strict",
) -> list[Row]:
    """Read a table; lines without text are passed over.

    Args:
        path: the file, in UTF-8, with or without a byte order mark.
        columns: all columns that it may have; None: any.
        required: columns that it must have.
        what: what the table is, for messages, such as ``a table of scans``.
        page: page of the documentation with the columns, for messages where they are many.
        refusal: error for a readable file with other columns than expected, or with a row that has too many cells.
        bad_bytes: what happens to bytes below the first line that are not UTF-8: ``strict`` refuses the table,
            ``surrogateescape`` leaves them to the caller as lone surrogates.

    Raises:
        UnreadableError: no such file, or not text in UTF-8.
        UsageError: unknown, missing or repeated columns, or too many cells in a row; or `refusal` instead.
    """
    lines = _lines(path, what, bad_bytes)
    if not lines and not required:
        return []
    number, header = lines[0] if lines else (1, [])
    problem = _problem(header, columns, required)
    if problem:
        message = f"{path}, line {number}: expected {what}{_wanted(columns, required, page)}; {problem}"
        raise refusal(message)
    return [_row(path, line, cells, header, refusal) for line, cells in lines[1:]]


def _row(path: Path, line: int, cells: list[str], header: list[str], refusal: type[MedpaintError]) -> Row:
    """Return a row with a cell for each column."""
    if len(cells) > len(header):
        message = f"{path}, line {line}: expected {len(header)} cells, as in the first line, got {len(cells)}"
        raise refusal(message)
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return Row(line, dict(zip(header, padded, strict=True)))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table, completely or not at all.

    Args:
        path: the file.
        columns: names, in order.
        rows: cell by column; None and missing cells are left empty, tabs and line ends become blanks, and other
            control characters are escaped.

    Raises:
        ValueError: a row has a cell of an unknown column.
        MedpaintError: the file cannot be written.
    """
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.write(_joined(columns))
        for row in rows:
            unknown = set(row) - set(columns)
            if unknown:
                message = f"expected the columns {', '.join(columns)}, got {', '.join(sorted(unknown))} too"
                raise ValueError(message)
            file.write(_joined([row.get(column) for column in columns]))


def _lines(path: Path, what: str, bad_bytes: str) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that has text, with its number; empty cells at the end are left out."""
    try:
        content = regular_bytes(path).removeprefix(codecs.BOM_UTF8)
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content.partition(b"\n")[0]:
            message = f"{path}: expected {what}, as text in UTF-8; got UTF-16, or no text: save it as UTF-8"
            raise UnreadableError(message)
        text = content.decode("utf-8", bad_bytes).replace("\r\n", "\n").replace("\r", "\n")
        split = [(number, line.split("\t")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if split:
            "\t".join(split[0][1]).encode("utf-8")  # a first line in another encoding is no table at all
    except OSError as error:
        message = f"{path}: expected {what}, but it cannot be read: {error.strerror or error}"
        raise UnreadableError(message) from error
    except UnicodeError as error:
        message = f"{path}: expected {what}, as text in UTF-8; got something else ({error})"
        raise UnreadableError(message) from error
    return [(number, _without_empty_end(cells)) for number, cells in split]


def _without_empty_end(cells: list[str]) -> list[str]:
    """Return the cells up to the last one that has text."""
    filled = [number for number, cell in enumerate(cells, 1) if cell.strip()]
    return cells[: filled[-1]]


def _problem(header: Sequence[str], columns: Sequence[str] | None, required: Sequence[str]) -> str:
    """Return what is wrong with the first line of a table; empty if it is right."""
    if not header:
        return "the file is empty" if required else ""
    known = {*(columns or ()), *required}
    unknown = [name for name in header if columns is not None and name not in known]
    missing = [name for name in required if name not in header]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if not unknown and not missing and not repeated:
        return ""
    advice = _advice(header, known, unknown, missing, repeated)
    if len(header) > _MOST_LISTED:
        return advice
    return f"the first line has {escaped(', '.join(map(repr, header)), _MOST_SHOWN)}: {advice}"


def _advice(
    header: Sequence[str], known: set[str], unknown: Sequence[str], missing: Sequence[str], repeated: Sequence[str]
) -> str:
    """Return what to change in the first line of a table."""
    for separator, name in ((",", "commas"), (";", "semicolons"), (None, "spaces")):
        words = header[0].split(separator)
        if len(words) > 1 and known & {word.strip().lower() for word in words}:
            return f"separate the columns by tabs, not by {name}"
    if header[0].startswith("#"):
        return "the first line must have the names of the columns, and no line can be a comment"
    others = unknown or [name for name in header if name not in known]
    spelled = {name: name.strip().lower() for name in others if name.strip().lower() in known - set(header)}
    if spelled:
        return "write " + ", ".join(f"{right} for {escaped(repr(wrong))}" for wrong, right in spelled.items())
    if unknown:
        named = ", ".join(f"{escaped(repr(name))}{_suggested(name, known - set(header))}" for name in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        return f"no column can be called {named}{more}"
    if missing:
        return f"{', '.join(missing)} is missing"
    return f"{escaped(', '.join(repeated), _MOST_SHOWN)} is there twice"


def _suggested(name: str, known: set[str]) -> str:
    """Return the known column with the closest name, for a message; empty if none is close."""
    close = get_close_matches(name[:_MOST_SHOWN].strip().lower(), sorted(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _wanted(columns: Sequence[str] | None, required: Sequence[str], page: str) -> str:
    """Describe which columns a table may and must have; where they are many, where to read which."""
    if columns is not None and len(columns) > _MOST_LISTED:
        return f" with the columns of {page}" if page else ""
    if columns is None or set(columns) == set(required):
        return f" with the columns {', '.join(columns or required)}" if columns or required else ""
    needed = f" ({', '.join(required)} required)" if required else ""
    return f" with only the columns {', '.join(columns)}{needed}"


def _joined(cells: Iterable[object]) -> str:
    """Return a line of a table."""
    texts = ("" if cell is None else str(cell) for cell in cells)
    return "\t".join(one_line(" ".join(text.replace("\t", "\n").splitlines())) for text in texts) + "\n"
