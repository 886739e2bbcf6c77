"""Conversion of datasets between transfer syntaxes, and of stored values into pixel data."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydicom import DataElement, Dataset, FileDataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Array
from medpaint.io.dicom.parsing import PARSE_ERRORS, cause

__all__ = ["compress", "is_compressed_by", "set_stored_values", "to_plain_syntax"]

_LOSSLESS: Final = {
    "rle": (RLELossless, "pydicom"),
    "jpeg-ls": (JPEGLSLossless, "pyjpegls"),
    "jpeg-2000": (JPEG2000Lossless, "pylibjpeg"),
}
"""Lossless transfer syntaxes, and the encoder of each."""

_PIXEL_DATA: Final = Tag("PixelData")

_OFFSET_TABLES: Final = (Tag("ExtendedOffsetTable"), Tag("ExtendedOffsetTableLengths"))
"""Tag with which the fragments of compressed pixel data start."""

_WORD_BYTES: Final = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
"""Width of the words whose bytes depend on the byte order (DICOM PS3.5, 6.2)."""


def to_plain_syntax(dataset: FileDataset) -> bool:
    """Make the dataset ready for an uncompressed little-endian syntax.

    Implicit, explicit and deflated little endian stay as they are; compressed and big-endian become
    explicit little endian (DICOM PS3.5, annex A).

    Returns:
        Whether the pixel data already suits the new syntax; otherwise it has to be set.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == ExplicitVRBigEndian:
        _swap_words(dataset)
    elif not syntax.is_encapsulated:
        return True
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return False


def is_compressed_by(dataset: FileDataset, how: str) -> bool:
    """Return whether the pixels of a dataset are compressed as `compress` would compress them by `how`."""
    return how in _LOSSLESS and bool(dataset.file_meta.TransferSyntaxUID == _LOSSLESS[how][0])


def compress(dataset: FileDataset, how: str) -> None:
    """Compress uncompressed pixel data without loss: ``rle``, ``jpeg-ls`` or ``jpeg-2000``.

    Raises:
        UnsupportedError: that way does not support pixels of this kind.
    """
    syntax, encoder = _LOSSLESS[how]
    try:
        dataset.compress(syntax, encoding_plugin=encoder, generate_instance_uid=False)
    except PARSE_ERRORS as error:
        bits = f"{dataset.BitsStored} of {dataset.BitsAllocated} bits, {dataset.Rows}x{dataset.Columns}"
        message = (
            f"expected pixels that {syntax.name} supports, got {bits} ({cause(error)}): choose another compression"
        )
        raise UnsupportedError(message) from error


def set_stored_values(dataset: FileDataset, values: Array) -> None:
    """Replace the pixel data by `values`, (frames, rows, columns), uncompressed and little endian.

    Bits above BitsStored hold the sign or zeros; an overlay that was kept in them is removed, as it would be
    read from bits that are no longer its own (DICOM PS3.5, 8.1.2).
    """
    content = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    syntax = dataset.file_meta.TransferSyntaxUID
    vr = "OW" if syntax.is_implicit_VR or values.dtype.itemsize > 1 else "OB"
    dataset[_PIXEL_DATA] = DataElement(_PIXEL_DATA, vr, content + b"\0" * (len(content) % 2))
    for tag in [*_OFFSET_TABLES, *_embedded_overlay(dataset)]:
        if tag in dataset:
            del dataset[tag]


def _embedded_overlay(dataset: Dataset) -> list[BaseTag]:
    """Return the elements of overlays without separate data, whose bits are inside the pixel data."""
    groups = [group for group in range(0x6000, 0x6020, 2) if dataset.group_dataset(group)]
    embedded = [group for group in groups if (group, 0x3000) not in dataset]
    return [tag for tag in dataset.keys() if tag.group in embedded]  # noqa: SIM118 - a dataset iterates over elements


def _swap_words(dataset: Dataset) -> None:
    """Turn the byte order of every element that pydicom leaves as bytes."""
    for element in dataset.iterall():
        width = _WORD_BYTES.get(element.VR)
        if width is not None and element.tag != _PIXEL_DATA and element.value:
            element.value = np.frombuffer(element.value, f">u{width}").astype(f"<u{width}").tobytes()
