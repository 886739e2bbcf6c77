"""Stored values of a dataset, slice by slice: its frames, or the tiles of a mosaic."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL, RLELossless

from medpaint.core.errors import UnreadableError
from medpaint.core.types import Array
from medpaint.io.archive import File
from medpaint.io.dicom.mosaic import is_mosaic, mosaic_of
from medpaint.io.dicom.parsing import PARSE_ERRORS, integer

__all__ = ["stored_slices", "with_slices"]

_DECODERS: Final = {
    RLELossless: "pydicom",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
}
"""Decoders other than gdcm. Each transfer syntax has one, and no other is tried after it: pylibjpeg silently
decodes damaged JPEG-LS to noise where gdcm refuses it, and panics on damaged RLE."""


def stored_slices(dataset: FileDataset, path: File) -> Array:
    """Return the stored values of an image, (slices, rows, columns), bits above BitsStored masked off.

    Raises:
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
    try:
        if not syntax.is_encapsulated:
            _check_length(dataset, shape[0])
        plugin = _DECODERS.get(syntax, "gdcm") if syntax.is_encapsulated else ""
        values = pixel_array(dataset, raw=True, decoding_plugin=plugin)
    except PARSE_ERRORS as error:
        message = f"expected {expected} decodable pixels in transfer syntax {syntax.name}, got none: {path}"
        raise UnreadableError(message) from error
    if values.shape not in {shape, shape[shape[0] == 1 :]}:
        message = f"expected {expected} pixels in transfer syntax {syntax.name}, got {values.shape}: {path}"
        raise UnreadableError(message)
    return values.reshape(shape).astype(values.dtype.newbyteorder("="), copy=False)


def _check_length(dataset: Dataset, frames: int) -> None:
    """Refuse pixel data with an extra row or more; less than that is padding."""
    row = dataset.Columns * dataset.BitsAllocated
    if 8 * len(dataset.PixelData) > row * (frames * dataset.Rows + 1) + 15:
        message = "more pixel data than rows"
        raise ValueError(message)
