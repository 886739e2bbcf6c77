"""Compressed pixel data: its frames, each checked against the data set, then decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.encaps import generate_fragmented_frames
from pydicom.uid import HTJ2K, UID, HTJ2KLossless, HTJ2KLosslessRPCL, RLELossless

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.types import Array
from medpaint.io.archive import File
from medpaint.io.codecs.check import fault_of, starts_image
from medpaint.io.codecs.codestream import Plane
from medpaint.io.codecs.decoder_process import DecodingError, decoded_apart
from medpaint.io.codecs.decoding import Task, decoded
from medpaint.io.codecs.rle import MOST_EXPANDED
from medpaint.io.dicom.parsing import PARSE_ERRORS, cause, integer
from medpaint.io.shortage import memory_for

__all__ = ["compressed_frames", "decoder_of", "implausible", "size_in_words"]

_DECODERS: Final = {
    RLELossless: "pydicom",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
}
"""Decoders other than gdcm. Each transfer syntax has one, and no other is tried after it: pylibjpeg silently
decodes damaged JPEG-LS to noise where gdcm refuses it, and panics on damaged RLE."""

_SAFE: Final = {"pydicom"}
"""Decoders without native code, which cannot end the process."""

_OFFSETS: Final = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")

_WIDTHS: Final = {8, 16, 32}

_ITEM_BYTES: Final = 8
"""Least size of a frame of compressed pixel data: the header of its item."""

_LARGEST_RATIO: Final = 1000
_SMALL: Final = 2**26
"""Compressed pixels may claim this many bytes, or so many times their own size: empty images compress well."""


def decoder_of(syntax: UID) -> str:
    """Return pydicom's name of the decoder for a compressed transfer syntax."""
    return _DECODERS.get(syntax, "gdcm")


def implausible(there: int, shape: tuple[int, int, int, int], syntax: UID) -> str:
    """Return why so many bytes of compressed pixel data cannot be an image; empty if they can.

    Args:
        there: the bytes.
        shape: what the data set says: frames, rows, columns and bits of a pixel.
        syntax: transfer syntax.
    """
    frames, rows, columns, bits = shape
    claimed = frames * rows * columns * bits // 8
    most = there * MOST_EXPANDED if syntax == RLELossless else max(_SMALL, there * _LARGEST_RATIO)
    if claimed <= most and frames * _ITEM_BYTES <= there:
        return ""
    return (
        f"{there} bytes of compressed pixel data cannot be {size_in_words(frames, rows, columns)} of {bits} bits"
    )


def size_in_words(frames: int, rows: int, columns: int) -> str:
    """Return the size of an image in words."""
    return f"{rows}x{columns} pixels" if frames == 1 else f"{frames} frames of {rows}x{columns} pixels"


def compressed_frames(dataset: FileDataset, path: File) -> Array:
    """Return the stored values of all frames, (frames, rows, columns).

    The headers of all frames are checked before memory is taken for one. Native decoders run in a process of
    their own.

    Raises:
        UnsupportedError: pixels of a kind that cannot be decoded.
        UnreadableError: other frames than the data set says, or the decoder cannot decode one.
    """
    syntax, count = dataset.file_meta.TransferSyntaxUID, integer(dataset, "NumberOfFrames", 1)
    plane = _plane(dataset)
    if plane.samples != 1 or plane.allocated not in _WIDTHS or not 0 < plane.stored <= plane.allocated:
        message = (
            f"expected compressed pixels of one sample of 8, 16 or 32 bits, got {plane.samples} of "
            f"{plane.stored} bits in {plane.allocated}: {path}"
        )
        raise UnsupportedError(message)
    _check_size(dataset, count, plane, path)
    _check(dataset, count, plane, path)
    task = Task(syntax, decoder_of(syntax), plane)
    with memory_for(count * plane.values * task.dtype.itemsize, path):
        values = np.empty((count, *task.shape), task.dtype)
    for index, frame in enumerate(_frames(dataset, count)):
        values[index] = _decoded(task, b"".join(frame), f"frame {index + 1} of {path}")
    return values


def _check_size(dataset: FileDataset, count: int, plane: Plane, path: File) -> None:
    """Refuse pixel data that is absent, or too small for what the data set says.

    Raises:
        UnreadableError: it is.
    """
    try:
        content = dataset.get("PixelData")
    except PARSE_ERRORS as error:
        message = f"expected compressed pixel data, got an element that cannot be read ({cause(error)}): {path}"
        raise UnreadableError(message) from error
    if not isinstance(content, bytes):
        message = f"expected compressed pixel data, got none: {path}"
        raise UnreadableError(message)
    shape = (count, plane.rows, plane.columns, plane.allocated)
    if fault := implausible(len(content), shape, dataset.file_meta.TransferSyntaxUID):
        message = f"{fault}: {path}"
        raise UnreadableError(message)


def _plane(dataset: Dataset) -> Plane:
    """Return what a data set says about each frame."""
    keywords = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
    return Plane(*(integer(dataset, keyword, int(keyword == "SamplesPerPixel")) for keyword in keywords))


def _frames(dataset: Dataset, count: int) -> Iterator[tuple[bytes, ...]]:
    """Yield the fragments of each frame, also of frames beyond the stated number."""
    offsets, lengths = (dataset.get(keyword) for keyword in _OFFSETS)
    yield from generate_fragmented_frames(
        dataset.PixelData, number_of_frames=count, extended_offsets=(offsets, lengths) if offsets else None
    )


def _check(dataset: FileDataset, count: int, plane: Plane, path: File) -> None:
    """Refuse compressed pixel data whose frames are not those that the data set describes.

    Raises:
        UnreadableError: they are not.
    """
    syntax, found = dataset.file_meta.TransferSyntaxUID, 0
    try:
        for found, fragments in enumerate(_frames(dataset, count), start=1):
            fault = _fragments_fault(fragments, syntax) or fault_of(b"".join(fragments), syntax, plane)
            if fault:
                message = f"{fault}: frame {found} of {path}"
                raise UnreadableError(message)
    except PARSE_ERRORS as error:
        message = (
            f"expected {count} compressed frames, got pixel data that cannot be split into frames "
            f"({cause(error)}): {path}"
        )
        raise UnreadableError(message) from error
    if found != count:
        message = f"expected {count} compressed frames, got {found}: {path}"
        raise UnreadableError(message)


def _fragments_fault(fragments: tuple[bytes, ...], syntax: UID) -> str:
    """Return why these fragments cannot be one frame; empty if they can."""
    if syntax == RLELossless and len(fragments) != 1:
        return f"expected a frame of RLE in one fragment, got {len(fragments)}"
    if any(map(starts_image, fragments[1:])):
        images = 1 + sum(map(starts_image, fragments[1:]))
        return f"expected one image in a frame, got {images}, more than NumberOfFrames says"
    return ""


def _decoded(task: Task, frame: bytes, where: str) -> Array:
    """Return the stored values of a frame, (rows, columns).

    Raises:
        UnreadableError: the decoder refuses it, or its values exceed BitsStored.
    """
    try:
        values = (decoded if task.plugin in _SAFE else decoded_apart)(task, frame)
    except DecodingError as error:
        reason: BaseException = error
        why = str(error)
    except OSError:
        raise
    except PARSE_ERRORS as error:
        reason, why = error, cause(error)
    else:
        _check_range(values, task.plane, where)
        return values
    message = (
        f"expected {task.plane.rows}x{task.plane.columns} decodable pixels in transfer syntax "
        f"{UID(task.syntax).name}, which the decoder refused ({why}): {where}"
    )
    raise UnreadableError(message) from reason


def _check_range(values: Array, plane: Plane, where: str) -> None:
    """Refuse values that BitsStored cannot represent."""
    lowest, highest = plane.limits
    if values.size and (values.min() < lowest or values.max() > highest):
        message = (
            f"the data set says {plane.stored} bits stored, the codestream has values from {values.min()} to "
            f"{values.max()}: {where}"
        )
        raise UnreadableError(message)
