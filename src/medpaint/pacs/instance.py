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

_IDENTIFIERS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")

_PREAMBLE: Final = 132
_ROWS: Final = 0x00280010
_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, double float and integer pixels."""

_CUT: Final = "End of file reached"
"""How pydicom's warning begins of a value whose end is missing."""


@dataclass(frozen=True)
class Identity:
    """The identifiers of an instance."""

    study: str
    series: str
    instance: str
    sop_class: str


def identity_of(file: Path) -> Identity:
    """Return the identifiers of a received instance.

    Raises:
        PermanentError: not DICOM, or without identifiers.
        TransientError: DICOM, but truncated.
    """
    _check_start(file)
    try:
        found, whole = _read(file, _size_of(file))
    except PARSE_ERRORS as error:
        message = "expected DICOM instances, got something that cannot be parsed"
        raise PermanentError(message) from error
    if not whole:
        message = "it sent a truncated instance"
        raise TransientError(message)
    study, series, instance, sop_class = found
    return Identity(
        checked_uid(study, "StudyInstanceUID"),
        checked_uid(series, "SeriesInstanceUID"),
        checked_uid(instance, "SOPInstanceUID"),
        checked_uid(sop_class, "SOPClassUID"),
    )


def _read(file: Path, size: int) -> tuple[list[object], bool]:
    """Return the identifiers in a file, unchecked, and whether it is whole.

    Args:
        file: the file.
        size: its bytes, once inflated.
    """
    pydicom: Any = import_module("pydicom")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        dataset = pydicom.dcmread(file, defer_size=_HELD)
        found = [dataset.get(name) for name in _IDENTIFIERS]
        elements = {tag: dataset.get_item(tag, keep_deferred=True) for tag in dataset.keys()}  # noqa: SIM118
    is_cut = any(str(one.message).startswith(_CUT) for one in warned)
    lacks_pixels = _ROWS in elements and not elements.keys() & _PIXELS
    whole = all(_is_whole(one, size) for one in elements.values())
    return found, whole and not (is_cut or lacks_pixels)


def _check_start(file: Path) -> None:
    """Refuse what does not start like a DICOM file."""
    with file.open("rb") as opened:
        start = opened.read(_PREAMBLE)
    if not start.endswith(b"DICM") or len(start) < _PREAMBLE:
        message = "expected DICOM instances, got something else"
        raise PermanentError(message)


def _is_whole(element: Any, size: int) -> bool:  # noqa: ANN401 - of pydicom
    """Return whether the value of an element lies within a data set of that size."""
    length = getattr(element, "length", _UNDEFINED)
    if length == _UNDEFINED:
        return True  # pydicom has found its end
    return bool(element.value_tell + length <= size)


def _size_of(file: Path) -> int:
    """Return the bytes of a file; of its data set alone, once inflated, if that is deflated.

    Raises:
        PermanentError: it inflates to more than is held in memory.
    """
    elements: Any = import_module("pydicom.filereader").data_element_generator
    with file.open("rb") as opened:
        opened.seek(_PREAMBLE)
        meta = list(elements(opened, is_implicit_VR=False, is_little_endian=True, stop_when=_follows_meta))
        if not any(one.tag == _SYNTAX and one.value.rstrip(b"\0 ") == _DEFLATED for one in meta):
            return file.stat().st_size
        inflating, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        packed = opened.read(_HELD)
        while packed and not inflating.eof:
            size += len(inflating.decompress(packed, _HELD))
            packed = inflating.unconsumed_tail or opened.read(_HELD)
            if size > _MOST_INFLATED:
                message = "it sent an instance that inflates to too much"
                raise PermanentError(message)
        return size


def _follows_meta(tag: Any, _value_type: str | None, _length: int) -> bool:  # noqa: ANN401 - of pydicom
    """Return whether an element is after the file meta information."""
    meta = 2
    return bool(tag.group != meta)
