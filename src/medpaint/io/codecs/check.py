"""The header of a compressed frame against what the data set says, before a decoder sees the frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from medpaint.io.codecs import jpeg, jpeg2000
from medpaint.io.codecs.codestream import Codestream, Plane
from medpaint.io.codecs.jpeg import jpeg_header
from medpaint.io.codecs.jpeg2000 import jpeg2000_header
from medpaint.io.codecs.rle import check_rle

__all__ = ["fault_of", "starts_image"]

_PARSERS: Final[dict[str, Callable[[bytes], Codestream]]] = {
    JPEGBaseline8Bit: partial(jpeg_header, allowed={0xC0}),
    JPEGExtended12Bit: partial(jpeg_header, allowed={0xC0, 0xC1}),
    JPEGLossless: partial(jpeg_header, allowed={0xC3}),
    JPEGLosslessSV1: partial(jpeg_header, allowed={0xC3}),
    JPEGLSLossless: partial(jpeg_header, allowed={0xF7}),
    JPEGLSNearLossless: partial(jpeg_header, allowed={0xF7}),
    **dict.fromkeys((JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K), jpeg2000_header),
}
"""What parses the header of a frame, by transfer syntax."""


def fault_of(frame: bytes, syntax: UID, plane: Plane) -> str:
    """Return why a frame cannot be what the data set says; empty if it can.

    The precision of a codestream may differ from BitsStored as long as it fits into BitsAllocated: what controls
    decompression is the codestream (DICOM PS3.5, 8.2), and writers differ in both directions. Whether the values
    fit into BitsStored is known after decoding.

    Args:
        frame: the frame, its fragments joined.
        syntax: its transfer syntax.
        plane: what the data set says.
    """
    try:
        if syntax == RLELossless:
            check_rle(frame, plane)
            return ""
        parse = _PARSERS.get(syntax)
        if parse is None:
            return f"nothing is known about codestreams in transfer syntax {syntax.name}"
        found = parse(frame)
    except ValueError as error:
        return f"expected a frame in transfer syntax {syntax.name}, got another or a damaged one: {error}"
    if (found.rows, found.columns, found.samples) != (plane.rows, plane.columns, plane.samples):
        return (
            f"the data set says {_size(plane.rows, plane.columns, plane.samples)}, "
            f"the {found.kind} codestream {_size(found.rows, found.columns, found.samples)}"
        )
    if not 0 < found.precision <= plane.allocated:
        return (
            f"the data set says {plane.stored} bits stored in {plane.allocated}, "
            f"the {found.kind} codestream {found.precision} bits"
        )
    return ""


def starts_image(fragment: bytes) -> bool:
    """Return whether a fragment starts as a codestream does, so that it cannot continue another."""
    return fragment.startswith((jpeg.START, jpeg2000.START))


def _size(rows: int, columns: int, samples: int) -> str:
    """Return the size of a frame in words."""
    return f"{rows}x{columns} pixels" + (f" of {samples} samples" if samples != 1 else "")
