"""The pixel data that a file has, against what its header claims, before memory is taken for it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from pydicom import Dataset, FileDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from medpaint.io.dicom.compressed import implausible, size_in_words
from medpaint.io.dicom.parsing import integer, is_implicit, transfer_syntax_of
from medpaint.io.dicom.pixels import is_supported

__all__ = ["Extent", "extent_of"]

_PIXEL_GROUP: Final = 0x7FE0
_PIXEL_ELEMENTS: Final = {0x0008, 0x0009, 0x0010}
_UNDEFINED: Final = 0xFFFFFFFF
_MOST_FRAMES: Final = 100_000
"""Largest number of frames in a file, each of which takes a header in memory; scans have thousands at most."""

_CHUNK: Final = 2**20


@dataclass(frozen=True)
class Extent:
    """What was found out about the pixel data of a file without reading it.

    Attributes:
        has_pixels: whether there are any.
        fault: why they cannot be those that the header describes; empty if nothing is wrong.
        note: what users should know about them; empty if nothing.
    """

    has_pixels: bool = True
    fault: str = ""
    note: str = ""


def extent_of(stream: BinaryIO, dataset: FileDataset) -> Extent:
    """Return what is known about the pixels of a file.

    Args:
        stream: the file, where reading its header stopped: at its pixel data or its end.
        dataset: its header.
    """
    syntax = transfer_syntax_of(dataset)
    fault = _claim_fault(stream, dataset, syntax)
    if fault or syntax == DeflatedExplicitVRLittleEndian or not is_supported(syntax):
        return Extent(fault=fault)
    length = _pixel_length(stream, dataset)
    if length is None:
        return Extent(has_pixels=False)
    if integer(dataset, "SamplesPerPixel", 1) != 1:
        return Extent()
    if syntax.is_encapsulated:
        return Extent(fault=_compressed_fault(stream, dataset, syntax))
    return _plain_extent(stream, dataset, length)


def _claim_fault(stream: BinaryIO, dataset: Dataset, syntax: UID) -> str:
    """Return why a file cannot hold what its header claims, whatever it is; empty if it can."""
    frames, place = integer(dataset, "NumberOfFrames", 1), stream.tell()
    most = min(_MOST_FRAMES, 8 * stream.seek(0, os.SEEK_END))
    if frames > most:
        return f"{frames} frames, where at most {most} can be"
    if syntax == DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        return _compressed_fault(stream, dataset, syntax)
    stream.seek(place)
    return ""


def _pixel_length(stream: BinaryIO, dataset: FileDataset) -> int | None:
    """Return the stated length of the pixel data, and leave the stream at its start; None without any."""
    order = "<" if dataset.original_encoding[1] else ">"
    head = stream.read(8)
    if len(head) < 8:
        return None
    group, element = struct.unpack(f"{order}HH", head[:4])
    if group != _PIXEL_GROUP or element not in _PIXEL_ELEMENTS:
        return None
    rest = head[4:] if is_implicit(dataset) else stream.read(4)
    return int(struct.unpack(f"{order}I", rest)[0]) if len(rest) == 4 else 0


def _plain_extent(stream: BinaryIO, dataset: Dataset, length: int) -> Extent:
    """Return what is known about pixels that are not compressed: their size is known exactly."""
    frames, rows, columns, bits = _shape(dataset)
    expected = (frames * rows * columns * bits + 7) // 8
    start = stream.tell()
    there = stream.seek(0, os.SEEK_END) - start
    whole = f"{expected} bytes for {size_in_words(frames, rows, columns)} of {bits} bits"
    if min(length, there) < expected:
        missing = expected - min(length, there)
        return Extent(fault=f"pixel data is {missing} bytes short: expected {whole}, got {expected - missing}")
    excess = (there if length == _UNDEFINED else min(length, there)) - expected
    if excess <= expected % 2:
        return Extent()
    stream.seek(start + expected)
    if excess * 8 < columns * bits or _is_constant(stream, excess):
        return Extent(note=f"pixel data is {excess} bytes longer than the image, as padding, which is ignored")
    return Extent(fault=f"pixel data is {excess} bytes too long, with more than padding: expected {whole}")


def _compressed_fault(stream: BinaryIO, dataset: Dataset, syntax: UID) -> str:
    """Return why compressed pixels cannot be those that the header describes; empty if they can."""
    start = stream.tell()
    return implausible(stream.seek(0, os.SEEK_END) - start, _shape(dataset), syntax)


def _shape(dataset: Dataset) -> tuple[int, int, int, int]:
    """Return frames, rows, columns and bits of a pixel."""
    keywords = ("NumberOfFrames", "Rows", "Columns", "BitsAllocated")
    frames, rows, columns, bits = (max(0, integer(dataset, keyword, 0)) for keyword in keywords)
    return frames or 1, rows, columns, bits


def _is_constant(stream: BinaryIO, size: int) -> bool:
    """Return whether the next bytes are all the same."""
    first = stream.read(1)
    left = size - 1
    while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
        if chunk.strip(first):
            return False
        left -= len(chunk)
    return True
