"""The table of a cohort's scans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UsageError
from medpaint.core.text import escaped, problem
from medpaint.io.naming import SCAN_ID
from medpaint.io.tables import Row, read_rows
from medpaint.parameters import FIELDS, Parameters

__all__ = ["COLUMNS", "FETCHED_SERIES", "MOST_SCANS", "OF_FILES", "ScanRow", "read_table", "row_of"]

FETCHED_SERIES: Final = r"^[0-9]+(\.[0-9]+)*(#.*)?$"
"""The series of a scan that is fetched: its UID, and after a # which of its volumes to restore."""

MOST_SCANS: Final = 100_000
"""Scans of a cohort: Snakemake plans all jobs before the first one, which takes 6 ms and 45 kB for each scan."""

_LONGEST: Final = 4095
"""Longest cell in bytes: that of a path on Linux."""

_SPELLED: Final = {
    "scan": "expected at most 128 letters, digits, dots, dashes and underscores, the first a letter or digit",
    "study": "expected a DICOM identifier, digits with dots between them",
}
"""How the cells of columns that have a pattern are spelled."""

_LONGEST_ENGINE: Final = 100
"""Longest name of an engine in bytes: it becomes part of the names of batches."""

_PAGE: Final = "docs/reference/config.md"
"""Where the columns are described."""

_NOT_TEXT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes that are not UTF-8."""


def _with_parameters(schema: dict[str, Any]) -> None:
    """Put a column for each parameter into the schema of a row, in place of what is not a column."""
    columns = schema["properties"]
    del columns["settings"], columns["refusal"]
    for name, field in FIELDS.items():
        columns[name] = {
            "default": "",
            "description": f"{field.description} Empty: as configured.",
            "title": name.replace("_", " ").title(),
            "type": "string",
        }
    schema["oneOf"] = [
        {"properties": {"image": {"minLength": 1}, "study": {"maxLength": 0}}, "required": ["image"]},
        {
            "properties": {
                "image": {"maxLength": 0},
                "study": {"minLength": 1},
                "series": {"pattern": FETCHED_SERIES},
            },
            "required": ["study", "series"],
        },
    ]


class ScanRow(BaseModel):
    """The columns of config/scans.tsv."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_with_parameters)

    scan: Annotated[str, Field(pattern=SCAN_ID, description="Name of the scan in the results; unique.")]
    image: str = Field(
        "",
        description="The scan: a file, or the folder or archive of a DICOM series; empty: it is on the server.",
    )
    study: str = Field(
        "",
        pattern=r"^([0-9]+(\.[0-9]+)*)?$",
        description="UID of the study, for a scan that is fetched from the server.",
    )
    mask: str = Field("", description="The mask; empty: look for damage.")
    person: str = Field("", description="Who was scanned; empty: the BIDS entity sub- of the file, or the scan.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="The parameters that the row gives, by name; others are as configured."
    )
    refusal: str = Field("", description="Why the scan fails before it is looked at; empty: it does not.")

    @property
    def series(self) -> str:
        """The series that the row names; empty if none."""
        return self.settings.get("series") or ""

    @model_validator(mode="after")
    def _check_place(self) -> ScanRow:
        """Refuse a row with no location of its scan, or with two."""
        if self.refusal:
            return self
        if bool(self.image) == bool(self.study):
            got = "both" if self.image else "neither"
            message = f"expected an image, or a study and a series to fetch, got {got}"
            raise ValueError(message)
        if self.study and not re.match(FETCHED_SERIES, self.series):
            message = f"expected the UID of the series to fetch from study {self.study}, got {self.series!r}"
            raise ValueError(message)
        return self


COLUMNS: Final = ("scan", "image", "study", "mask", "person", *FIELDS)
"""Columns that a table may have: the place of a scan and its mask, who was scanned, and every parameter."""

OF_FILES: Final = ("series", "labels")
"""Parameters whose values are names or identifiers in a scan's own files."""


def read_table(path: Path, *, quoting: bool = True) -> list[ScanRow]:
    """Return the rows of a cohort's table.

    A cell that cannot be passed on to a job, because it is too long or not text, makes its scan fail and no other.

    Args:
        path: the file.
        quoting: whether messages may quote cells. A row with a cell in the column `deidentify` is never quoted.

    Raises:
        UnreadableError: the file cannot be read.
        UsageError: an unknown or missing column, a bad value, two rows with the same name, or too many; the
            message says where.
    """
    rows: list[ScanRow] = []
    lines: dict[str, int] = {}
    found = _rows(path, quoting=quoting)
    if len(found) > MOST_SCANS:
        message = f"{path}: expected at most {MOST_SCANS} scans in a cohort, got {len(found)}: split the table"
        raise UsageError(message)
    for row in found:
        checked = _checked(path, row, quoting=quoting and not row.values.get("deidentify", "").strip())
        if checked.scan in lines:
            message = f"{path}, line {row.line}: expected each scan once, got {checked.scan} more than once"
            message = f"{message}: it is in line {lines[checked.scan]} too"
            raise UsageError(message)
        lines[checked.scan] = row.line
        rows.append(checked)
    return rows


def row_of(path: Path, scan: str) -> ScanRow:
    """Return the row of one scan, for its job; messages quote no cell.

    Raises:
        UnreadableError: the file cannot be read.
        UsageError: as for `read_table`, or it has no such row.
    """
    found = next((row for row in read_table(path, quoting=False) if row.scan == scan), None)
    if found is None:
        message = f"{path}: expected a row for the scan {scan}, found none"
        raise UsageError(message)
    return found


def _rows(path: Path, *, quoting: bool) -> list[Row]:
    """Return the cells of the table."""
    what = "the table of a cohort's scans"
    try:
        return read_rows(
            path, columns=COLUMNS, required=("scan",), what=what, page=_PAGE, bad_bytes="surrogateescape"
        )
    except UsageError:
        if quoting:
            raise
    message = f"{path}: expected {what}, in whose first line are its columns, with at most a cell for each"
    message = f"{message}; what it holds is withheld, because products are de-identified"
    raise UsageError(message)


def _checked(path: Path, row: Row, *, quoting: bool) -> ScanRow:
    """Return a row of the cohort.

    Raises:
        UsageError: a bad value; the message says where.
    """
    scan = row.values["scan"]
    refusal = next(
        (why for name, cell in row.values.items() if name != "scan" and (why := _unfit(name, cell))), ""
    )
    try:
        if refusal:
            return ScanRow(scan=scan, refusal=f"{path}, line {row.line}, {refusal}")
        places = {name: cell for name, cell in row.values.items() if name not in FIELDS}
        return ScanRow(**places, settings=_settings(row.values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        column = f", column {first['loc'][0]}" if first["loc"] else ""
        is_misspelt = first["type"] == "string_pattern_mismatch"
        reason = _SPELLED[str(first["loc"][0])] if is_misspelt else problem(first, skip=1)
    except UsageError as error:
        name, _, reason = str(error).partition(": ")
        column = f", column {name}"
    where = f"{path}, line {row.line}"
    if quoting:
        message = f"{where} ({escaped(scan)}){column}: {reason}"
    else:
        message = f"{where}{column}: not a valid value; it is withheld, because products are de-identified"
    raise UsageError(message)


def _settings(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that the cells of a row give, by name.

    Raises:
        UsageError: a value of the wrong type or out of range.
    """
    given: dict[str, Any] = {name: cell for name, cell in cells.items() if name in FIELDS and cell.strip()}
    if "labels" in given:
        given["labels"] = tuple(_label(word.strip()) for word in given["labels"].split(",") if word.strip())
    if "repair" in given:
        given["repair"] = tuple(word.strip() for word in given["repair"].split(",") if word.strip())
    values = Parameters.of(given).flat()
    return {name: values[name] for name in given}


def _label(word: str) -> int | str:
    """Return a label, as a number where it is one."""
    return int(word) if re.fullmatch(r"-?[0-9]+", word) else word


def _unfit(column: str, cell: str) -> str:
    """Return why a cell cannot be passed on to a job; empty if it can be."""
    most = _LONGEST_ENGINE if column == "engine" else _LONGEST
    length = len(cell.encode("utf-8", "surrogateescape"))
    if length > most:
        return f"column {column}: expected at most {most} bytes, got {length}"
    if _NOT_TEXT.search(cell):
        return f"column {column}: expected text in UTF-8 without control characters"
    return ""
