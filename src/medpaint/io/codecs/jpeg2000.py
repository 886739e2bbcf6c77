"""Headers of JPEG 2000 (ISO/IEC 15444-1) and High-Throughput JPEG 2000, which have the same."""

from __future__ import annotations

from math import ceil
from typing import Final

from medpaint.io.codecs.codestream import Codestream, number

__all__ = ["START", "jpeg2000_header"]

START: Final = b"\xff\x4f\xff\x51"
"""Start of a codestream, and of the size segment that must follow."""

_FILE: Final = b"\0\0\0\x0cjP  "
_CODESTREAM_BOX: Final = b"jp2c"

_MOST_TILES: Final = 65_535
"""Tiles are numbered in 16 bits (A.4.2)."""

_LARGEST: Final = 2**31 - 1
"""Largest coordinate; the standard allows twice as much, an image of DICOM has at most 65,535."""


def jpeg2000_header(frame: bytes) -> Codestream:
    """Return what the size segment (SIZ, A.5.1) of a codestream says; one in a JP2 file is found there.

    Raises:
        ValueError: no codestream, or one whose size, tiles or components cannot be those of an image in DICOM.
    """
    at = _start(frame)
    if frame[at : at + len(START)] != START:
        message = "it does not start as JPEG 2000 does"
        raise ValueError(message)
    at += len(START)
    length, samples = number(frame, at, 2), number(frame, at + 36, 2)
    if length != 38 + 3 * samples or not samples:
        message = f"its size segment has {length} bytes for {samples} components"
        raise ValueError(message)
    corners = [number(frame, at + place, 4) for place in range(4, 36, 4)]
    rows, columns = _size(*corners)
    components = [tuple(number(frame, at + 38 + 3 * one + part, 1) for part in range(3)) for one in range(samples)]
    if any(one[1:] != (1, 1) for one in components):
        message = "its components are subsampled"
        raise ValueError(message)
    if len({one[0] for one in components}) > 1:
        message = "its components differ in their bits"
        raise ValueError(message)
    return Codestream("JPEG 2000", rows, columns, samples, precision=(components[0][0] & 0x7F) + 1)


def _start(frame: bytes) -> int:
    """Return where the codestream starts: at 0, or in a box of a JP2 file."""
    if not frame.startswith(_FILE):
        return 0
    at = 0
    while at < len(frame):
        length, head = number(frame, at, 4), 8
        if length == 1:
            length, head = number(frame, at + 8, 8), 16
        if frame[at + 4 : at + 8] == _CODESTREAM_BOX:
            return at + head
        if length < head:
            break
        at += length
    message = "it is a JP2 file without a codestream"
    raise ValueError(message)


def _size(right: int, bottom: int, left: int, top: int, *tiles: int) -> tuple[int, int]:
    """Return rows and columns of the image on its reference grid.

    Args:
        right: end of the image, and so on.
        bottom: the same.
        left: start of the image.
        top: the same.
        tiles: width and height of a tile, then left and top of the first.

    Raises:
        ValueError: no area, or tiles that do not cover it.
    """
    width, height, first_left, first_top = tiles
    if not (left < right <= _LARGEST and top < bottom <= _LARGEST):
        message = f"its image reaches from ({left}, {top}) to ({right}, {bottom})"
        raise ValueError(message)
    covers = first_left <= left < first_left + width and first_top <= top < first_top + height
    if not covers:
        message = f"its first tile of {width}x{height} at ({first_left}, {first_top}) does not cover its corner"
        raise ValueError(message)
    count = ceil((right - first_left) / width) * ceil((bottom - first_top) / height)
    if count > _MOST_TILES:
        message = f"it has {count} tiles, where at most {_MOST_TILES} can be"
        raise ValueError(message)
    return bottom - top, right - left
