"""The headers of NRRD files, attached to the voxels (.nrrd) or apart from them (.nhdr).

Source: Definition of NRRD File Format, https://teem.sourceforge.net/nrrd/format.html. The file is not handed
to ITK, whose readers end the whole process on some damaged headers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.types import Affine
from medpaint.io.header import Header, bytes_before_voxels, without_trailing_ones
from medpaint.io.stored import Packing
from medpaint.io.world import LAS, LPS, RAS, affine_from_axes

__all__ = ["nrrd_with_data_file", "parse_nrrd"]

_LONGEST_HEADER: Final = 1 << 22
_MAGIC: Final = re.compile(rb"NRRD000[1-6]\r?\n")
_END: Final = re.compile(rb"\r?\n\r?\n")
_FIELD: Final = re.compile(r"(?P<name>[^:#][^:]*):(?P<own>=?) ?(?P<value>.*)")
_DATA_FILE: Final = re.compile(rb"(?im)^(data ?file:[ \t]*)[^\r\n]*")
_VECTOR: Final = re.compile(r"none|\([^)]*\)")

_TYPES: Final = {
    "int8": "signed char, int8, int8_t",
    "uint8": "uchar, unsigned char, uint8, uint8_t",
    "int16": "short, short int, signed short, signed short int, int16, int16_t",
    "uint16": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "int32": "int, signed int, int32, int32_t",
    "uint32": "uint, unsigned int, uint32, uint32_t",
    "int64": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "uint64": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "float32": "float",
    "float64": "double",
}
"""numpy's name of a type to the format's names."""

_DTYPES: Final = {name: np.dtype(short) for short, names in _TYPES.items() for name in names.split(", ")}

_PACKINGS: Final[dict[str, Packing]] = {"raw": "none", "gzip": "gzip", "gz": "gzip"}

_SIGNS: Final = {
    "left-posterior-superior": LPS,
    "lps": LPS,
    "right-anterior-superior": RAS,
    "ras": RAS,
    "left-anterior-superior": LAS,
    "las": LAS,
}
_TIME: Final = re.compile(r"-time$|(?<=^[a-z]{3})t$")

_ONE_NUMBER: Final = frozenset({"domain", "space", "time", "list", "none", "???"})
"""Kinds of an axis along which the voxels lie; all others are several numbers of one voxel."""

Fields = dict[str, str]


def parse_nrrd(file: BinaryIO, path: Path) -> Header:
    """Return what the header of an open NRRD file says.

    Raises:
        UnreadableError: no NRRD header, cut off, or one that contradicts itself.
        UnsupportedError: voxels written as text, or spread over several files.
        GeometryError: time depends on space.
    """
    text = file.read(_LONGEST_HEADER)
    if not _MAGIC.match(text):
        message = f"{path} is no NRRD file: expected NRRD0001 to NRRD0006, it starts with {text[:8]!r}"
        raise UnreadableError(message)
    end = _END.search(text)
    fields = _fields(text[: end.start() if end else len(text)])
    name = fields.get("data file", fields.get("datafile", ""))
    if not (end or name):
        message = f"{path} is truncated: its header has no end"
        raise UnreadableError(message)
    try:
        return _header(fields, path, name, end.end() if end else len(text))
    except ValueError as error:
        message = f"{path} is damaged: its header cannot be understood ({error})"
        raise UnreadableError(message) from error
    except KeyError as error:
        message = f"{path} is damaged: its header lacks {error}"
        raise UnreadableError(message) from error


def nrrd_with_data_file(text: bytes, name: str) -> bytes:
    """Return the header with another data file and nothing else changed."""
    return _DATA_FILE.sub(lambda found: found[1] + name.encode(), text, count=1)


def _fields(text: bytes) -> Fields:
    """Return the fields of the format, without comments and without the user's own keys."""
    found = (_FIELD.match(line) for line in text.decode("latin-1").splitlines()[1:])
    return {field["name"].strip().lower(): field["value"].strip() for field in found if field and not field["own"]}


def _header(fields: Fields, path: Path, data_file: str, end: int) -> Header:
    """Return the fields as a header; `end` is where an attached header ends."""
    packing = _packing(fields, data_file, path)
    sizes = tuple(int(size) for size in fields["sizes"].split())
    if len(sizes) != int(fields["dimension"]):
        message = f"{fields['dimension']} axes, but sizes {fields['sizes']}"
        raise ValueError(message)
    type_name, dtype = _type(fields, len(sizes))
    data_path = path.parent / data_file if data_file else path
    skipped = int(fields.get("byte skip", fields.get("byteskip", "0")))
    start = 0 if data_file else end
    if skipped < 0 and packing != "none":
        message = f"compressed voxels, byte skip {skipped}"
        raise ValueError(message)
    affine, warnings = _affine(fields, len(sizes), path)
    return Header(
        path=path,
        kind="nrrd",
        sizes=without_trailing_ones(sizes),
        type_name=type_name,
        dtype=dtype,
        affine=affine,
        data_path=data_path,
        start=start,
        packing=packing,
        offset=bytes_before_voxels(skipped, data_path, start, sizes, dtype),
        facts={"encoding": fields["encoding"]},
        warnings=warnings,
    )


def _packing(fields: Fields, data_file: str, path: Path) -> Packing:
    """Return how the voxels are packed.

    Raises:
        UnsupportedError: as text, with bzip2, behind lines of text, or in several files.
    """
    encoding = fields["encoding"].lower()
    if encoding not in _PACKINGS:
        message = f"{path}: expected voxels in encoding raw or gzip, got {fields['encoding']}"
        raise UnsupportedError(message)
    if data_file.startswith("LIST") or "%" in data_file:
        message = f"{path}: expected the voxels in one file, got {data_file!r}"
        raise UnsupportedError(message)
    if int(fields.get("line skip", fields.get("lineskip", "0"))):
        message = f"{path}: expected voxels that start at a byte, got a number of lines to skip"
        raise UnsupportedError(message)
    return _PACKINGS[encoding]


def _type(fields: Fields, count: int) -> tuple[str, np.dtype[Any] | None]:
    """Return the type of a voxel, by name and as stored; None where a voxel is not one real number."""
    kinds = fields.get("kinds", "domain " * count).split()
    if len(kinds) != count:
        message = f"{count} axes, but kinds {fields['kinds']}"
        raise ValueError(message)
    several = [kind for kind in kinds if kind.lower() not in _ONE_NUMBER]
    directions = _VECTOR.findall(fields.get("space directions", ""))
    several += [kinds[axis] for axis, vector in enumerate(directions[: min(count, 3)]) if vector == "none"]
    if several:
        return f"{fields['type']} ({several[0]})", None
    if fields["type"] == "block":
        return "block", None
    dtype = _DTYPES.get(fields["type"].lower())
    if dtype is None:
        message = f"type {fields['type']}"
        raise ValueError(message)
    if dtype.itemsize > 1 and fields["endian"].lower() not in {"little", "big"}:
        message = f"endian {fields['endian']}"
        raise ValueError(message)
    return dtype.name, dtype.newbyteorder(">" if fields.get("endian", "").lower() == "big" else "<")


def _affine(fields: Fields, count: int, path: Path) -> tuple[Affine, tuple[str, ...]]:
    """Return the affine and what a person ought to know about it."""
    space = _TIME.sub("", fields.get("space", "").lower())
    warnings = []
    if space not in _SIGNS:
        warnings.append("The header does not say which side is left: left, posterior, superior is taken.")
    steps = [
        _numbers(vector) for vector in _VECTOR.findall(fields.get("space directions", "")) if vector != "none"
    ]
    if not steps:
        spacings = [float(value) for value in fields.get("spacings", "").split()] or [1.0] * count
        steps = [list(row) for row in np.diag(np.where(np.isfinite(spacings), spacings, 1.0))]
        warnings.append("The header does not say where the axes point: they are taken in the order of the space.")
    axes = np.array(steps, np.float64)
    origin = np.zeros(axes.shape[1])
    if "space origin" in fields:
        origin[:] = _numbers(fields["space origin"])
    return affine_from_axes(axes, origin, _SIGNS.get(space, LPS), path), tuple(warnings)


def _numbers(vector: str) -> list[float]:
    """Return the numbers of a vector such as ``(0.5,0,0)``."""
    return [float(value) for value in vector.strip("() ").split(",")]
