"""Headers of run-length encoded frames (DICOM PS3.5, annex G)."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

from medpaint.io.codecs.codestream import Plane

__all__ = ["MOST_EXPANDED", "check_rle"]

_HEADER: Final = 64
_MOST_SEGMENTS: Final = 15

_SLACK: Final = 1024
"""Bytes by which the code of a segment may exceed the two for each value that it needs at most."""

MOST_EXPANDED: Final = 64
"""Largest number of bytes that one byte of code can expand to: two stand for 128 at most (DICOM PS3.5, G.3)."""


def check_rle(frame: bytes, plane: Plane) -> None:
    """Check the header of a frame against its length and what the data set says.

    Each byte of a value has a segment of its own. The length of its code is bounded from both sides, so that
    decoding takes memory in proportion to the frame.

    Raises:
        ValueError: it cannot be such a frame.
    """
    if len(frame) < _HEADER:
        message = f"it has {len(frame)} bytes, fewer than its header"
        raise ValueError(message)
    count, *offsets = struct.unpack(f"<{_HEADER // 4}I", frame[:_HEADER])
    wanted = plane.samples * plane.allocated // 8
    if not 0 < count <= _MOST_SEGMENTS or count != wanted:
        message = f"it has {count} segments, where {plane.samples} samples of {plane.allocated} bits have {wanted}"
        raise ValueError(message)
    places = [*offsets[:count], len(frame)]
    if places[0] != _HEADER or places != sorted(places):
        message = f"its segments start at {', '.join(map(str, offsets[:count]))} of {len(frame)} bytes"
        raise ValueError(message)
    size = plane.rows * plane.columns
    for number, (start, end) in enumerate(pairwise(places), start=1):
        if not size <= (end - start) * MOST_EXPANDED or end - start > 2 * size + _SLACK:
            message = f"its segment {number} has {end - start} bytes for {plane.rows}x{plane.columns} values"
            raise ValueError(message)
