"""The table of a cohort's scans."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.parameters import ENGINE_NAME, SCAN_ID

__all__ = ["FETCHED_SERIES", "ScanRow", "read_table"]

FETCHED_SERIES = r"^[0-9]+(\.[0-9]+)*(#.*)?$"
"""What names a series that is fetched: its UID, and after a # which of its volumes is meant."""


class ScanRow(BaseModel):
    """The columns of config/scans.tsv."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "oneOf": [
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
        },
    )

    scan: Annotated[str, Field(pattern=SCAN_ID, description="Name of the scan in the results; unique.")]
    image: str = Field(
        "", description="The scan: a file, or the folder or archive of a DICOM series; empty: it is on the server."
    )
    study: str = Field(
        "",
        pattern=r"^([0-9]+(\.[0-9]+)*)?$",
        description="UID of its study, for a scan that is fetched from the server.",
    )
    mask: str = Field("", description="The mask; empty: look for missing slices and non-finite voxels.")
    engine: str = Field("", pattern=ENGINE_NAME, description="Engine for this scan; empty: the configured one.")
    series: str = Field(
        "", description="UID of the series, for a folder that holds several, and for a scan that is fetched."
    )
    frame: str = Field("", pattern=r"^\d*$", description="Frame of a 4D scan, from 0.")

    @model_validator(mode="after")
    def _one_place(self) -> ScanRow:
        """Refuse a row that says of no place, or of two, where its scan is."""
        if bool(self.image) == bool(self.study) or (self.study and not re.match(FETCHED_SERIES, self.series)):
            message = "expected an image, or a study and a series to fetch"
            raise ValueError(message)
        return self


def read_table(path: Path) -> list[ScanRow]:
    """Return the rows of a cohort's table.

    Raises:
        InputError: no such file, an unknown column, a bad value, or two rows of one name; says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: expected a table in UTF-8: {error}"
        raise UnreadableError(message) from error
    rows: list[ScanRow] = []
    for number, values in enumerate(
        csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE), start=2
    ):
        try:
            rows.append(
                ScanRow.model_validate(
                    {str(key or "beyond the last"): value or "" for key, value in values.items()}
                )
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = f"{path}, line {number}, column {'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise UsageError(message) from error
    names = [row.scan for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        message = f"{path}: expected unique names, got {', '.join(twice)} more than once"
        raise UsageError(message)
    return rows
