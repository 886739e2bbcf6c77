"""The headers of MetaImage files, attached to the voxels (.mha) or apart from them (.mhd).

Source: MetaIO, https://itk.org/Wiki/ITK/MetaIO/Documentation. The file is not handed to ITK, whose readers end the
whole process on some damaged headers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.types import Affine, Array
from medpaint.io.header import Header, bytes_before_voxels, without_trailing_ones
from medpaint.io.stored import Packing
from medpaint.io.world import LPS, affine_from_axes

__all__ = ["metaimage_with_data_file", "parse_metaimage"]

_LONGEST_HEADER: Final = 1 << 20
_END: Final = re.compile(rb"(?m)^ElementDataFile[ \t]*=[ \t]*(?P<name>[^\r\n]*?)[ \t]*(\r?\n|\Z)")
_DATA_FILE: Final = re.compile(rb"(?m)^(ElementDataFile[ \t]*=[ \t]*)[^\r\n]*")
_PACKED_SIZE: Final = re.compile(rb"(?m)^(CompressedDataSize[ \t]*=[ \t]*)[^\r\n]*")

_DTYPES: Final = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}

_AXES: Final = range(1, 11)

Fields = dict[str, str]


def parse_metaimage(file: BinaryIO, path: Path) -> Header:
    """Return what the header of an open MetaImage file says.

    Raises:
        UnreadableError: no MetaImage header, cut off, or one that contradicts itself.
        UnsupportedError: voxels written as text, or spread over several files.
        GeometryError: time depends on space.
    """
    text = file.read(_LONGEST_HEADER)
    end = _END.search(text)
    if end is None:
        message = f"{path} is no MetaImage file, or is truncated: its header has no line ElementDataFile"
        raise UnreadableError(message)
    pairs = (line.partition("=") for line in text[: end.end()].decode("latin-1").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    try:
        return _header(fields, path, end.end())
    except ValueError as error:
        message = f"{path} is damaged: its header cannot be understood ({error})"
        raise UnreadableError(message) from error
    except KeyError as error:
        message = f"{path} is damaged: its header lacks {error}"
        raise UnreadableError(message) from error


def metaimage_with_data_file(text: bytes, name: str, packed_size: int) -> bytes:
    """Return the header with another data file and another size of it, and nothing else changed.

    Args:
        text: the header.
        name: the data file; empty where the voxels follow the header.
        packed_size: bytes that the voxels take, for headers that say so.
    """
    if name:
        text = _DATA_FILE.sub(lambda found: found[1] + name.encode(), text, count=1)
    return _PACKED_SIZE.sub(lambda found: found[1] + str(packed_size).encode(), text, count=1)


def _header(fields: Fields, path: Path, end: int) -> Header:
    """Return the fields as a header; `end` is where an attached header ends."""
    name = fields["ElementDataFile"]
    packing = _packing(fields, path)
    sizes = tuple(int(size) for size in fields["DimSize"].split())
    if len(sizes) != int(fields["NDims"]) or len(sizes) not in _AXES:
        message = f"{fields['NDims']} axes, but sizes {fields['DimSize']}"
        raise ValueError(message)
    attached = name.upper() == "LOCAL"
    start = end if attached else 0
    data_path = path if attached else path.parent / name
    type_name, dtype = _type(fields)
    skipped = int(fields.get("HeaderSize", "0"))
    if skipped and packing != "none":
        message = f"compressed voxels after a foreign header, HeaderSize {skipped}"
        raise ValueError(message)
    return Header(
        path=path,
        kind="metaimage",
        sizes=without_trailing_ones(sizes),
        type_name=type_name,
        dtype=dtype,
        affine=_affine(fields, len(sizes), path),
        data_path=data_path,
        start=start,
        packing=packing,
        offset=bytes_before_voxels(skipped, data_path, start, sizes, dtype),
        facts={"encoding": "raw" if packing == "none" else "zlib"},
    )


def _packing(fields: Fields, path: Path) -> Packing:
    """Return how the voxels are packed.

    Raises:
        UnsupportedError: as text, or in several files.
    """
    name = fields["ElementDataFile"]
    if not _is_true(fields.get("BinaryData", "True")):
        message = f"{path}: expected binary voxels, got voxels written as text"
        raise UnsupportedError(message)
    if name.upper().startswith("LIST") or "%" in name:
        message = f"{path}: expected the voxels in one file, got {name!r}"
        raise UnsupportedError(message)
    return "zlib" if _is_true(fields.get("CompressedData", "False")) else "none"


def _type(fields: Fields) -> tuple[str, np.dtype[Any] | None]:
    """Return the type of a voxel, by name and as stored; None where a voxel is not one real number."""
    kind = fields["ElementType"]
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    if channels != 1 or kind.endswith("_ARRAY"):
        return f"{kind} ({channels} a voxel)", None
    if kind not in _DTYPES:
        message = f"ElementType {kind}"
        raise ValueError(message)
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    dtype = np.dtype(_DTYPES[kind]).newbyteorder(">" if _is_true(big) else "<")
    return dtype.name, dtype


def _affine(fields: Fields, count: int, path: Path) -> Affine:
    """Return the affine; the header's world is LPS, and each row of its matrix is one stored axis."""
    matrix = _first(fields, ("TransformMatrix", "Rotation", "Orientation"), np.eye(count).ravel())
    origin = _first(fields, ("Offset", "Position", "Origin"), np.zeros(count))
    spacing = _first(fields, ("ElementSpacing", "ElementSize"), np.ones(count))
    axes = matrix.reshape(count, count) * spacing.reshape(count, 1)
    return affine_from_axes(axes, origin.reshape(count), LPS, path)


def _first(fields: Fields, names: tuple[str, ...], default: Array) -> Array:
    """Return the numbers of the first field that there is."""
    for name in names:
        if name in fields:
            return np.array([float(value) for value in fields[name].split()])
    return default


def _is_true(value: str) -> bool:
    """Return what the format means by `value`."""
    return value[:1] in {"T", "t", "1", "Y", "y"}
