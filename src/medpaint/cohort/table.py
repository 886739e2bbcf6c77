"""The table of a cohort's scans."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UsageError
from medpaint.io.naming import SCAN_ID
from medpaint.io.tables import read_rows
from medpaint.parameters import ENGINE_NAME

__all__ = ["FETCHED_SERIES", "ScanRow", "read_table"]

FETCHED_SERIES: Final = r"^[0-9]+(\.[0-9]+)*(#.*)?$"
"""The series of a scan that is fetched: its UID, and after a # which of its volumes to restore."""


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
        "",
        description="The scan: a file, or the folder or archive of a DICOM series; empty: it is on the server.",
    )
    study: str = Field(
        "",
        pattern=r"^([0-9]+(\.[0-9]+)*)?$",
        description="UID of the study, for a scan that is fetched from the server.",
    )
    mask: str = Field("", description="The mask; empty: look for lost slices and non-finite voxels.")
    engine: str = Field("", pattern=ENGINE_NAME, description="Engine for this scan; empty: the configured one.")
    series: str = Field(
        "", description="UID of the series, for a folder that holds several, and for a scan that is fetched."
    )
    frame: str = Field("", pattern=r"^\d*$", description="Frame of a 4D scan, counted from 0.")

    @model_validator(mode="after")
    def _check_place(self) -> ScanRow:
        """Refuse a row with no location of its scan, or with two."""
        if bool(self.image) == bool(self.study):
            got = "both" if self.image else "neither"
            message = f"expected an image, or a study and a series to fetch, got {got}"
            raise ValueError(message)
        if self.study and not re.match(FETCHED_SERIES, self.series):
            message = f"expected the UID of the series to fetch from study {self.study}, got {self.series!r}"
            raise ValueError(message)
        return self


def read_table(path: Path) -> list[ScanRow]:
    """Return the rows of a cohort's table.

    Raises:
        UnreadableError: the file cannot be read.
        UsageError: an unknown or missing column, a bad value, or two rows with the same name; the message says
        where.
    """
    columns = tuple(ScanRow.model_fields)
    rows = []
    for row in read_rows(path, columns=columns, required=("scan",), what="the table of a cohort's scans"):
        try:
            rows.append(ScanRow.model_validate(row.values))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            column = f", column {first['loc'][0]}" if first["loc"] else ""
            reason = first["msg"].removeprefix("Value error, ")
            message = f"{path}, line {row.line} ({row.values['scan']}){column}: {reason[0].lower()}{reason[1:]}"
            raise UsageError(message) from error
    twice = [scan for scan, count in Counter(row.scan for row in rows).items() if count > 1]
    if twice:
        message = f"{path}: expected each scan once, got {', '.join(sorted(twice))} more than once"
        raise UsageError(message)
    return rows
