"""Whose instance a received file holds, and whether it is whole."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from medpaint.io.dicom.parsing import PARSE_ERRORS
from medpaint.pacs.answers import checked_uid
from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["Identity", "identity_of"]

_SYNTAX: Final = 0x00020010
_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
_MOST_INFLATED: Final = 2**29
"""Bytes of a deflated data set, once inflated: it is held in memory."""

_UNDEFINED: Final = 0xFFFFFFFF
_HELD: Final = 2**16
"""Largest value that is read; of larger ones only the place is."""

_PREAMBLE: Final = 132

_CUT: Final = "End of file reached"
"""How pydicom's warning begins of a value whose end is missing."""


@dataclass(frozen=True)
class Identity:
    """The identifiers of an instance."""

    study: str
    series: str
    instance: str


def identity_of(file: Path) -> Identity:
    """Return the identifiers of a received instance.

    Raises:
        PermanentError: not DICOM, or without identifiers.
        TransientError: DICOM, but truncated.
    """
    _check_start(file)
    try:
        _check_inflated(file)
        found, whole = _read(file)
    except PARSE_ERRORS as error:
        message = "expected DICOM instances, got something that cannot be parsed"
        raise PermanentError(message) from error
    if not whole:
        message = "it sent a truncated instance"
        raise TransientError(message)
    study, series, instance = found
    return Identity(
        checked_uid(study, "StudyInstanceUID"),
        checked_uid(series, "SeriesInstanceUID"),
        checked_uid(instance, "SOPInstanceUID"),
    )


def _read(file: Path) -> tuple[list[object], bool]:
    """Return the identifiers in a file, unchecked, and whether it is whole."""
    pydicom: Any = import_module("pydicom")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(file, defer_size=_HELD)
        found = [dataset.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
        size = file.stat().st_size
        whole = all(_is_whole(dataset.get_item(tag), size) for tag in dataset.keys())  # noqa: SIM118 - of pydicom
    return found, whole and not any(str(one.message).startswith(_CUT) for one in warned)


def _check_start(file: Path) -> None:
    """Refuse what does not start like a DICOM file."""
    with file.open("rb") as opened:
        start = opened.read(_PREAMBLE)
    if not start.endswith(b"DICM") or len(start) < _PREAMBLE:
        message = "expected DICOM instances, got something else"
        raise PermanentError(message)


def _is_whole(element: Any, size: int) -> bool:  # noqa: ANN401 - of pydicom
    """Return whether the value of an element lies within a file of that size."""
    length = getattr(element, "length", _UNDEFINED)
    if length == _UNDEFINED:
        return True  # pydicom has found its end
    if element.value is None:
        return bool(element.value_tell + length <= size)
    return len(element.value) >= length


def _check_inflated(file: Path) -> None:
    """Refuse a deflated data set that inflates to more than is held in memory."""
    elements: Any = import_module("pydicom.filereader").data_element_generator
    with file.open("rb") as opened:
        opened.seek(_PREAMBLE)
        meta = elements(opened, is_implicit_VR=False, is_little_endian=True, stop_when=_follows_meta)
        if not any(one.tag == _SYNTAX and one.value.rstrip(b"\0 ") == _DEFLATED for one in meta):
            return
        inflating, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        packed = opened.read(_HELD)
        while packed and not inflating.eof:
            size += len(inflating.decompress(packed, _HELD))
            packed = inflating.unconsumed_tail or opened.read(_HELD)
            if size > _MOST_INFLATED:
                message = "it sent an instance that inflates to too much"
                raise PermanentError(message)


def _follows_meta(tag: Any, _value_type: str | None, _length: int) -> bool:  # noqa: ANN401 - of pydicom
    """Return whether an element is after the file meta information."""
    meta = 2
    return bool(tag.group != meta)
