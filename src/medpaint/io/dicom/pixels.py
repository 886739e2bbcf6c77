"""Stored values of a dataset, slice by slice: its frames, or the tiles of a mosaic."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.types import Array
from medpaint.io.archive import File
from medpaint.io.dicom.compressed import compressed_frames, decoder_of
from medpaint.io.dicom.mosaic import is_mosaic, mosaic_of
from medpaint.io.dicom.parsing import PARSE_ERRORS, cause, integer
from medpaint.io.dicom.shown import shown_uid
from medpaint.io.shortage import memory_for

__all__ = ["is_supported", "stored_slices", "with_slices"]

_PLAIN: Final = {
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
}
"""Transfer syntaxes without compression of the pixels."""


_PIXELS: Final = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}


def is_supported(syntax: UID) -> bool:
    """Return whether pixels in a transfer syntax can be decoded."""
    if syntax in _PLAIN:
        return True
    try:
        return decoder_of(syntax) in get_decoder(syntax).available_plugins
    except NotImplementedError:
        return False


def stored_slices(dataset: FileDataset, path: File) -> Array:
    """Return the stored values of an image, (slices, rows, columns), bits above BitsStored masked off.

    Raises:
        UnsupportedError: a transfer syntax that cannot be decoded.
        UnreadableError: no pixel data, too few or too many, or not decodable.
    """
    frames = _stored_frames(dataset, path)
    return mosaic_of(dataset).untiled(frames[0]) if is_mosaic(dataset) else frames


def with_slices(dataset: FileDataset, path: File, slices: Array) -> Array:
    """Return the frames of an image, (frames, rows, columns), with slices replaced, (slices, rows, columns)."""
    if not is_mosaic(dataset):
        return slices
    return mosaic_of(dataset).tiled(slices, _stored_frames(dataset, path)[0])[np.newaxis]


def _stored_frames(dataset: FileDataset, path: File) -> Array:
    """Return the stored values of all frames, (frames, rows, columns)."""
    syntax = dataset.file_meta.TransferSyntaxUID
    rows, columns = integer(dataset, "Rows", 0), integer(dataset, "Columns", 0)
    shape = (integer(dataset, "NumberOfFrames", 1), rows, columns)
    expected = f"{shape[1]}x{shape[2]}" if shape[0] == 1 else f"{shape[0]} frames of {shape[1]}x{shape[2]}"
    if not is_supported(syntax):
        message = f"transfer syntax not supported: {shown_uid(syntax)}: {path}"
        raise UnsupportedError(message)
    if not any(keyword in dataset for keyword in _PIXELS):
        message = f"expected {expected} pixels, got no pixel data: {path}"
        raise UnreadableError(message)
    if syntax.is_encapsulated:
        return compressed_frames(dataset, path)
    try:
        _check_length(dataset, shape, path)
        with memory_for(math.prod(shape) * (integer(dataset, "BitsAllocated", 0) + 7) // 8, path):
            values = pixel_array(dataset, raw=True)
    except PARSE_ERRORS as error:
        message = f"expected {expected} pixels in transfer syntax {shown_uid(syntax)}, "
        message += f"which cannot be read ({cause(error)}): {path}"
        raise UnreadableError(message) from error
    if values.ndim > 2:
        values = values[: shape[0]]  # the library takes padding for more frames
    if values.shape not in {shape, shape[shape[0] == 1 :]}:
        message = f"expected {expected} pixels in transfer syntax {shown_uid(syntax)}, got {values.shape}: {path}"
        raise UnreadableError(message)
    return values.reshape(shape).astype(values.dtype.newbyteorder("="), copy=False)


def _check_length(dataset: Dataset, shape: tuple[int, int, int], path: File) -> None:
    """Refuse pixel data that is too short, or longer by more than padding (DICOM PS3.5, 8.1.1)."""
    bits = integer(dataset, "BitsAllocated", 0)
    expected = (math.prod(shape) * integer(dataset, "SamplesPerPixel", 1) * bits + 7) // 8
    content = dataset.get("PixelData")
    if content is None:
        return
    excess = len(content) - expected
    if excess < 0:
        message = f"expected {expected} bytes of pixel data, got {-excess} bytes less: {path}"
        raise UnreadableError(message)
    tail = content[expected:]
    if excess * 8 >= shape[2] * bits and tail.strip(tail[:1]):
        message = f"expected {expected} bytes of pixel data, got {excess} bytes more that are not padding: {path}"
        raise UnreadableError(message)
