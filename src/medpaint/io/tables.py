"""Tab-separated tables: one reader and one writer.

A table is text in UTF-8, one row per line, the names of the columns in the first line. There is no quoting: a cell
can contain anything but tabs and line ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medpaint.core.errors import MedpaintError, UnreadableError, UsageError
from medpaint.io.atomic import replacing

__all__ = ["Row", "read_rows", "write_rows"]


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
    refusal: type[MedpaintError] = UsageError,
) -> list[Row]:
    """Read a table; empty lines are skipped.

    Args:
        path: the file, in UTF-8, with or without a byte order mark.
        columns: all columns that it may have; None: any.
        required: columns that it must have.
        what: what the table is, for messages, such as ``a table of scans``.
        refusal: error for a readable file with other columns than expected, or with a row that has too many cells.

    Raises:
        UnreadableError: no such file, or not text in UTF-8.
        UsageError: unknown, missing or repeated columns, or too many cells in a row; or `refusal` instead.
    """
    lines = _lines(path, what)
    if not lines and not required:
        return []
    header = lines[0][1] if lines else []
    problem = _problem(header, columns, required)
    if problem:
        message = f"{path}: expected {what} with {_wanted(columns, required)}; {problem}"
        raise refusal(message)
    rows = []
    for line, cells in lines[1:]:
        if len(cells) > len(header):
            message = f"{path}, line {line}: expected {len(header)} cells, as in the first line, got {len(cells)}"
            raise refusal(message)
        padded = [*cells, *[""] * (len(header) - len(cells))]
        rows.append(Row(line, dict(zip(header, padded, strict=True))))
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table, completely or not at all.

    Args:
        path: the file.
        columns: names, in order.
        rows: cell by column; None and missing cells are left empty, tabs and line ends become blanks.

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


def _lines(path: Path, what: str) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that is not empty, with its number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline="\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        message = f"{path}: expected {what}, but it cannot be read: {error.strerror or error}"
        raise UnreadableError(message) from error
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: expected {what}, as text in UTF-8; got something else ({error})"
        raise UnreadableError(message) from error


def _problem(header: Sequence[str], columns: Sequence[str] | None, required: Sequence[str]) -> str:
    """Return what is wrong with the first line of a table; empty if it is right."""
    holds = f"the first line has {', '.join(map(repr, header))}" if header else "the file is empty"
    repeated = len(set(header)) < len(header)
    unknown = columns is not None and not set(header) <= set(columns)
    return holds if repeated or unknown or not set(required) <= set(header) else ""


def _wanted(columns: Sequence[str] | None, required: Sequence[str]) -> str:
    """Describe which columns a table may and must have."""
    if columns is None or set(columns) == set(required):
        return f"the columns {', '.join(columns or required)}" if columns or required else "each column once"
    needed = f" ({', '.join(required)} required)" if required else ""
    return f"only the columns {', '.join(columns)}{needed}"


def _joined(cells: Iterable[object]) -> str:
    """Return a line of a table."""
    texts = ("" if cell is None else str(cell) for cell in cells)
    return "\t".join(" ".join(text.replace("\t", "\n").splitlines()) for text in texts) + "\n"
