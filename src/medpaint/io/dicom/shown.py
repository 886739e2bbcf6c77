"""Coded values of DICOM, fit for messages and records: what is neither code nor identifier could name a person."""

from __future__ import annotations

import re
from typing import Final

from pydicom.config import IGNORE
from pydicom.uid import UID

from medpaint.core.text import withheld

__all__ = ["is_code", "shown_code", "shown_uid", "shown_unit"]

_CODE: Final = re.compile(r"[A-Z0-9_ .-]{1,16}|[+-]?[0-9.]{1,16}([eE][+-]?[0-9]{1,4})?")
"""A code string (DICOM PS3.5, 6.2, VR CS), in which some devices write dots and dashes, or a number."""

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)+")
"""An identifier. Leading zeros and more than 64 characters are not allowed, but are written by some devices."""

_UNIT: Final = re.compile(r"[A-Za-z0-9\[\](){}'_/.*%+-]{1,32}")
"""A unit in the Unified Code for Units of Measure."""

_LONGEST_UID: Final = 128


def is_code(value: str) -> bool:
    """Return whether a value is a code string or a number."""
    return bool(_CODE.fullmatch(value))


def shown_code(value: str) -> str:
    """Return a code string as it is, and a description of any other value. Empty stays empty."""
    return value if not value or is_code(value) else withheld(value)


def shown_unit(value: str) -> str:
    """Return a unit of measure as it is, and a description of any other value. Empty stays empty."""
    return value if not value or _UNIT.fullmatch(value) else withheld(value)


def shown_uid(value: str) -> str:
    """Return the name of an identifier that the standard assigns, another one as it is.

    Any other value is described; empty stays empty.
    """
    if not value or (len(value) <= _LONGEST_UID and _UID.fullmatch(value)):
        return UID(value, IGNORE).name
    return f"{withheld(value)} (no valid UID)"
