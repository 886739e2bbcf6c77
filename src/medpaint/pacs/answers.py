"""Values in what a server says, checked before they are used or printed.

Whoever runs a server, or stands between, could otherwise write to our terminal and our tables, and name a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from medpaint.io.dicom.parsing import PARSE_ERRORS
from medpaint.pacs.remote import is_uid
from medpaint.pacs.retry import PermanentError

__all__ = ["checked_count", "checked_modality", "checked_uid", "first_in", "items_in", "value_of"]

_COUNT: Final = re.compile(r" *\+?[0-9]{1,9} *")
"""An integer string that counts (DICOM PS3.5, 6.2)."""

WITHHELD: Final = "withheld"
"""What stands in place of a modality that DICOM does not define."""


def checked_uid(value: object, keyword: str) -> str:
    """Return an identifier.

    Raises:
        PermanentError: it is missing or invalid.
    """
    if value in (None, "", []):
        message = f"its answer lacks {keyword}"
        raise PermanentError(message)
    found = str(value)
    if not (isinstance(value, str) and is_uid(found)):
        message = f"expected a DICOM identifier as {keyword}, its answer has something else"
        raise PermanentError(message)
    return found


def checked_modality(value: object) -> str:
    """Return a modality; empty if not stated, `WITHHELD` if DICOM does not define it: it could be a name."""
    found = value.strip(" ") if isinstance(value, str) else value
    if found in (None, "", []):
        return ""
    return found if isinstance(found, str) and found in _modalities() else WITHHELD


@cache
def _modalities() -> frozenset[str]:
    """Return the codes of DICOM that are words: most are modalities, retired ones among them (PS3.16, D)."""
    defined: Any = import_module("pydicom.sr.codedict").codes.DCM
    values = (getattr(defined, name).value for name in defined.dir())
    return frozenset(value for value in values if not value.isdigit())


def checked_count(value: object, keyword: str) -> int:
    """Return a number of things; 0 if there is none.

    Raises:
        PermanentError: it is not a count.
    """
    if value in (None, "", []):
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not _COUNT.fullmatch(str(value)):
        message = f"expected a count as {keyword}, its answer has something else"
        raise PermanentError(message)
    return int(str(value))


def first_in(row: Mapping[str, object], tag: str) -> object:
    """Return the first value of an attribute in DICOM JSON (PS3.18, F.2); None if it has no value."""
    values = _values_in(row, tag)
    return values[0] if values else None


def items_in(row: Mapping[str, object], tag: str) -> list[Mapping[str, object]]:
    """Return the items of a sequence in DICOM JSON."""
    return [one for one in _values_in(row, tag) if isinstance(one, dict)]


def _values_in(row: Mapping[str, object], tag: str) -> list[object]:
    """Return the values of an attribute in DICOM JSON."""
    attribute = row.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values if isinstance(values, list) else []


def value_of(answer: Any, keyword: str) -> object:  # noqa: ANN401 - of pydicom
    """Return the value of an attribute in a data set.

    Raises:
        PermanentError: it cannot be parsed.
    """
    try:
        found: object = answer.get(keyword)
    except PARSE_ERRORS as error:
        message = f"expected a value of {keyword}, its answer has one that cannot be parsed"
        raise PermanentError(message) from error
    return found
