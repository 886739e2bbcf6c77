"""Records on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from medpaint.core.errors import UnreadableError
from medpaint.core.text import problem
from medpaint.io.atomic import replacing
from medpaint.io.regular import regular_bytes
from medpaint.record.entries import Record

__all__ = ["RECORD_SUFFIX", "read_record", "write_record"]

RECORD_SUFFIX: Final = "_record.json"
"""What the name of a record ends in, after the name of the scan."""

_MOST_BYTES: Final = 2**24
"""Largest size of a record in bytes; most have some thousand."""


def read_record(path: Path) -> Record:
    """Read a record of any version.

    Raises:
        UnreadableError: there is no such file, or it is not a record.
    """
    try:
        return Record.model_validate_json(regular_bytes(path, _MOST_BYTES))
    except OSError as error:
        message = f"{path}: expected a record, but it cannot be read: {error.strerror}"
        raise UnreadableError(message) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = f"{path}: expected a record, got something else ({problem(first)})"
        raise UnreadableError(message) from error


def write_record(record: Record, path: Path) -> None:
    """Write a record, completely or not at all."""
    with replacing(path) as part:
        part.write_text(record.to_json(), encoding="utf-8")
