"""The text of NRRD and MetaImage headers, checked before ITK opens the file.

ITK reads the headers, but some damaged ones make it crash the process, and it accepts damaged compressed
voxels. The checks here guard against that alone: number and sizes of the axes, where the voxels are, and how they
are packed. Sources: https://teem.sourceforge.net/nrrd/format.html,
https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from medpaint.core.errors import InputError, UnreadableError, UnsupportedError
from medpaint.core.text import known_words
from medpaint.io.header import refuse_empty
from medpaint.io.header_words import FIELDS, NRRD_WORDS
from medpaint.io.stored import Packing, check_length, read_errors, unpacked_length

__all__ = ["HeaderText", "read_header_text", "refuse_damaged"]

_LONGEST_HEADER: Final = 1 << 20
_LONGEST_PATH: Final = 800
_MOST_AXES: Final = 5

_NRRD_MAGIC: Final = re.compile(r"NRRD000[1-6]\r?\n")
_NRRD_END: Final = re.compile(r"\r?\n\r?\n")
_NRRD_FIELD: Final = re.compile(r"(?m)^([^:#\n][^:\n]*):(?!=)(.*)$")
_NRRD_OVERLONG: Final = re.compile(r"(?m)^(?!#|[^:\n]*:=)[^\n]{513}")
"""ITK copies such a line into a message buffer of about a thousand bytes."""

_NRRD_PACKINGS: Final[dict[str, Packing]] = {"raw": "none", "gzip": "gzip", "gz": "gzip"}

_META_END: Final = re.compile(r"(?m)^ElementDataFile[ \t]*=[^\n]*(\n|\Z)")
_META_FIELD: Final = re.compile(r"(?m)^[ \t]*([^=:\n]*)[=:](.*)$")
_META_POWERS: Final = {
    "TransformMatrix": 2,
    "Rotation": 2,
    "Orientation": 2,
    "Offset": 1,
    "Position": 1,
    "Origin": 1,
    "CenterOfRotation": 1,
    "ElementSpacing": 1,
    "ElementSize": 1,
}
"""Field to the power p, where it has (number of axes) ** p values."""

Fields = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class HeaderText:
    """The parts of a header that are checked.

    Attributes:
        path: the file with the header.
        fields: the format's fields; names of NRRD in lower case and without spaces.
        sizes: voxels along every stored axis, fastest first.
        data_path: the file with the voxels.
        start: number of bytes before them.
        packing: how they are packed.
        packed: number of bytes from `start` on.
        offset: number of bytes between `start` and the first voxel, once unpacked.
    """

    path: Path
    fields: Fields
    sizes: tuple[int, ...]
    data_path: Path
    start: int
    packing: Packing
    packed: int
    offset: int


def read_header_text(path: Path, kind: str) -> HeaderText:
    """Read the header of a file and refuse what ITK must not open.

    Raises:
        UnreadableError: not such a header, truncated, or contradictory.
        UnsupportedError: voxels written as text, in blocks, or spread over several files.
        GeometryError: an axis without voxels.
        InputError: a file cannot be read.
    """
    with read_errors(path), path.open("rb") as file:
        text = file.read(_LONGEST_HEADER).decode("latin-1")
    with _header_errors(path):
        return (_nrrd if kind == "nrrd" else _metaimage)(text, path)


def refuse_damaged(text: HeaderText, needed: int) -> None:
    """Refuse a file whose voxels are truncated or, where they are packed, damaged.

    Args:
        text: of the header.
        needed: bytes from `text.start` to the end of the last voxel, unpacked.

    Raises:
        UnreadableError: such a file.
    """
    with read_errors(text.data_path), text.data_path.open("rb") as file:
        check_length(needed, text.packed, text.packing)
        if text.packing != "none":
            check_length(needed, unpacked_length(file, text.packing, text.start), "none")


def _nrrd(text: str, path: Path) -> HeaderText:
    """Return the parts of a NRRD header."""
    if not _NRRD_MAGIC.match(text):
        message = f"{path} is not a NRRD file: expected NRRD0001 to NRRD0006 at its start"
        raise UnreadableError(message)
    end = _NRRD_END.search(text)
    head = text[: end.end()] if end else text
    if _NRRD_OVERLONG.search(head):
        message = "a field of more than 512 characters"
        raise _ContradictionError(message)
    fields = _fields(_NRRD_FIELD, head, lambda name: name.replace(" ", "").lower())
    name = fields.get("datafile", "")
    if not (end or name):
        message = f"{path} is truncated: its header has no end"
        raise UnreadableError(message)
    packing = _NRRD_PACKINGS.get(fields["encoding"].lower())
    if packing is None or int(fields.get("lineskip", "0")) or fields["type"] == "block":
        got = " in ".join(known_words(fields[name], NRRD_WORDS) for name in ("type", "encoding"))
        message = f"{path}: expected numbers in encoding raw or gzip, got {got}"
        raise UnsupportedError(message)
    sizes = _sizes(fields["dimension"], fields["sizes"], path)
    skipped = int(fields.get("byteskip", "0"))
    return _located(path, fields, sizes, name, end.end() if end else 0, packing, skipped)


def _metaimage(text: str, path: Path) -> HeaderText:
    """Return the parts of a MetaImage header."""
    end = _META_END.search(text)
    if end is None:
        message = f"{path} is not a MetaImage file, or is truncated: its header has no line ElementDataFile"
        raise UnreadableError(message)
    fields = _fields(_META_FIELD, text[: end.end()])
    if not _is_true(fields.get("BinaryData", "True")):
        message = f"{path}: expected binary voxels, got voxels written as text"
        raise UnsupportedError(message)
    sizes = _sizes(fields["NDims"], fields["DimSize"], path)
    _refuse_miscounted(fields, len(sizes))
    name = fields["ElementDataFile"]
    packing: Packing = "zlib" if _is_true(fields.get("CompressedData", "False")) else "none"
    skipped = int(fields.get("HeaderSize", "0"))
    found = _located(path, fields, sizes, "" if name.upper() == "LOCAL" else name, end.end(), packing, skipped)
    if packing != "none" and int(fields.get("CompressedDataSize", "0")) not in {0, found.packed}:
        stated = known_words(fields["CompressedDataSize"])
        message = f"CompressedDataSize {stated}, but {found.packed} bytes of voxels"
        raise _ContradictionError(message)
    return found


def _fields(pattern: re.Pattern[str], text: str, named: Callable[[str], str] = str) -> Fields:
    """Return the fields of a header; refuse one that repeats a field."""
    fields: dict[str, str] = {}
    for found in pattern.finditer(text):
        name = named(found[1].strip())
        if name in fields:
            message = f"{known_words(name, FIELDS)} twice"
            raise _ContradictionError(message)
        fields[name] = found[2].strip()
    return fields


def _sizes(count: str, sizes: str, path: Path) -> tuple[int, ...]:
    """Return the voxels along every axis."""
    numbers = tuple(int(size) for size in sizes.split())
    if len(numbers) != int(count) or len(numbers) > _MOST_AXES:
        message = f"{known_words(count)} axes, but sizes {known_words(sizes)}"
        raise _ContradictionError(message)
    refuse_empty(numbers, path)
    return numbers


def _refuse_miscounted(fields: Fields, axes: int) -> None:
    """Refuse a MetaImage header with too few or too many values for its axes."""
    for name, power in _META_POWERS.items():
        if name in fields and len([float(value) for value in fields[name].split()]) != axes**power:
            message = f"{axes} axes, but {name} {known_words(fields[name])}"
            raise _ContradictionError(message)


def _located(
    path: Path, fields: Fields, sizes: tuple[int, ...], name: str, start: int, packing: Packing, skipped: int
) -> HeaderText:
    """Return the header together with the file of the voxels, which must be large enough.

    Args:
        path: the file with the header.
        fields: of the header.
        sizes: voxels along every axis.
        name: of the file with the voxels; empty where they follow the header.
        start: length of the header.
        packing: how the voxels are packed.
        skipped: bytes to skip before them; -1 where they are the end of the file.
    """
    data_path, start = (path.parent / _inside(name, path), 0) if name else (path, start)
    if skipped < -1 or (skipped and packing != "none"):
        message = f"{skipped} bytes to skip before voxels packed as {packing}"
        raise _ContradictionError(message)
    if len(os.fsencode(data_path)) > _LONGEST_PATH:
        message = f"cannot read {path}: expected a path of at most {_LONGEST_PATH} bytes, the limit of ITK"
        raise InputError(message)
    with read_errors(data_path):
        packed = data_path.stat().st_size - start
        check_length(prod(sizes), packed, packing)
    return HeaderText(path, fields, sizes, data_path, start, packing, packed, max(skipped, 0))


def _inside(name: str, path: Path) -> str:
    """Return the name of the file with the voxels, which has to be a single one below the header's folder."""
    if name.upper().startswith("LIST") or "%" in name:
        message = f"{path}: expected the voxels in one file, got a list or a pattern of files"
        raise UnsupportedError(message)
    relative = Path(os.fsdecode(name.encode("latin-1")))
    if relative.is_absolute() or ".." in relative.parts:
        message = "data file outside its folder"
        raise _ContradictionError(message)
    return str(relative)


def _is_true(value: str) -> bool:
    """Return the truth value that MetaImage reads from `value`."""
    return value[:1] in {"T", "t", "1", "Y", "y"}


class _ContradictionError(ValueError):
    """What is wrong in a header, in words that may be shown."""


@contextmanager
def _header_errors(path: Path) -> Iterator[None]:
    """Turn missing and contradictory fields into one line about `path`."""
    try:
        yield
    except _ContradictionError as error:
        message = f"{path} is damaged: its header cannot be understood ({error})"
        raise UnreadableError(message) from error
    except ValueError as error:  # whose message quotes the header
        message = f"{path} is damaged: its header cannot be understood (a value that is not a number)"
        raise UnreadableError(message) from error
    except KeyError as error:
        message = f"{path} is damaged: its header lacks {error}"
        raise UnreadableError(message) from error
