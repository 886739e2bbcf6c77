"""Headers of JPEG (ISO/IEC 10918-1) and JPEG-LS (ISO/IEC 14495-1)."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from medpaint.io.codecs.codestream import Codestream, number

__all__ = ["START", "jpeg_header"]

START: Final = b"\xff\xd8"
"""Start of image; the bytes cannot occur in coded data."""

_KINDS: Final = {
    0xC0: "baseline JPEG",
    0xC1: "extended JPEG",
    0xC2: "progressive JPEG",
    0xC3: "lossless JPEG",
    0xF7: "JPEG-LS",
}
_FRAMES: Final = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Markers of frame headers (SOF); C4, C8 and CC mean something else."""

_ALONE: Final = {0x01, *range(0xD0, 0xD8)}
_END: Final = 0xD9
_SCAN: Final = 0xDA
_PRESET: Final = 0xF8
"""LSE: parameters of JPEG-LS."""


def jpeg_header(frame: bytes, allowed: AbstractSet[int]) -> Codestream:
    """Return what the frame header of a JPEG or JPEG-LS codestream says.

    Args:
        frame: the codestream.
        allowed: SOF markers that the transfer syntax has.

    Raises:
        ValueError: no such codestream, or one of another kind; the message says what it is.
    """
    if not frame.startswith(START):
        message = "it does not start as JPEG does"
        raise ValueError(message)
    found: Codestream | None = None
    for marker, at, length in _segments(frame):
        if marker in _FRAMES:
            if found is not None:
                message = "it has several frame headers"
                raise ValueError(message)
            found = _frame_header(frame, marker, at, length, allowed)
        elif marker == _PRESET:
            _check_preset(frame, at, length)
    if found is None:
        message = "it has no frame header before its scan"
        raise ValueError(message)
    return found


def _segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, place and length of the segments before the first scan; a length counts itself."""
    at = len(START)
    while True:
        if number(frame, at, 1) != 0xFF:
            message = "a marker is missing in its header"
            raise ValueError(message)
        marker = number(frame, at + 1, 1)
        if marker in {_SCAN, _END}:
            return
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            length = number(frame, at + 2, 2)
            if length < 2 or at + 2 + length > len(frame):
                message = "a segment of its header has an impossible length"
                raise ValueError(message)
            yield marker, at + 2, length
            at += 2 + length


def _frame_header(frame: bytes, marker: int, at: int, length: int, allowed: AbstractSet[int]) -> Codestream:
    """Return what a frame header says."""
    kind = _KINDS.get(marker, f"JPEG with frame header {marker:02X}")
    if marker not in allowed:
        message = f"it is {kind}"
        raise ValueError(message)
    samples = number(frame, at + 7, 1)
    if length != 8 + 3 * samples:
        message = f"its frame header has {length} bytes for {samples} components"
        raise ValueError(message)
    return Codestream(
        kind, number(frame, at + 3, 2), number(frame, at + 5, 2), samples, precision=number(frame, at + 2, 1)
    )


def _check_preset(frame: bytes, at: int, length: int) -> None:
    """Refuse parameters of JPEG-LS other than those of the coding: mapping tables and sizes beyond 16 bits."""
    kind = number(frame, at + 2, 1) if length > 2 else 0
    if kind != 1 or length != 13:
        message = f"it has JPEG-LS parameters of kind {kind}, which DICOM images do not have"
        raise ValueError(message)
