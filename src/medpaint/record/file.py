"""Records on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from medpaint.core.errors import UnreadableError
from medpaint.io.atomic import replacing
from medpaint.record.entries import Record

__all__ = ["RECORD_SUFFIX", "read_record", "write_record"]

RECORD_SUFFIX: Final = "_record.json"
"""What the name of a record ends in, after the name of the scan."""


def read_record(path: Path) -> Record:
    """Read a record of any version.

    Raises:
        UnreadableError: there is no such file, or it is not a record.
    """
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        message = f"{path}: expected a record: {type(error).__name__}"
        raise UnreadableError(message) from error


def write_record(record: Record, path: Path) -> None:
    """Write a record, completely or not at all."""
    with replacing(path) as part:
        part.write_text(record.to_json(), encoding="utf-8")
