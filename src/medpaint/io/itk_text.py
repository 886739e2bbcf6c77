"""The text of NRRD and MetaImage headers, checked before ITK opens the file.

ITK reads the headers, but some damaged ones make it crash the process. It never reads the voxels: where their
packed part is damaged, or its length is not stated, ITK hands over whatever was in memory. What is taken from the
text is what that needs: number and sizes of the axes, where the voxels are, and how they are packed. Sources:
https://teem.sourceforge.net/nrrd/format.html, https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, Literal

from medpaint.core.errors import InputError, UnreadableError, UnsupportedError
from medpaint.core.text import known_words
from medpaint.io.header import refuse_empty
from medpaint.io.header_words import FIELDS, NRRD_WORDS
from medpaint.io.meta_geometry import refuse_geometry
from medpaint.io.nrrd_axes import refuse_axes
from medpaint.io.packing import Packing
from medpaint.io.stored import check_length, check_regular, read_errors

__all__ = ["HeaderText", "header_end", "read_header_text", "stand_in"]

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
_NRRD_LINE: Final = re.compile(r"([^:#]+):(?!=)")
_NRRD_STORAGE: Final = frozenset({"encoding", "endian", "datafile", "byteskip", "lineskip"})
_META_LINE: Final = re.compile(r"([^=:]+)[=:]")
_META_ORDER: Final = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_META_STORAGE: Final = frozenset(
    name.lower()
    for name in (*_META_ORDER, "CompressedData", "CompressedDataSize", "HeaderSize", "ElementDataFile")
)
"""Fields, in lower case and without spaces, that say how and where the voxels are stored."""

Fields = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class HeaderText:
    """The parts of a header that are checked.

    Attributes:
        path: the file with the header.
        kind: ``nrrd`` or ``metaimage``.
        head: the header itself.
        fields: the format's fields; names of NRRD in lower case and without spaces.
        sizes: voxels along every stored axis, fastest first.
        data_path: the file with the voxels.
        start: number of bytes before them.
        packing: how they are packed.
        packed: number of bytes from `start` on.
        offset: number of bytes between `start` and the first voxel, once unpacked; -1 where the voxels are the end
            of the file.
    """

    path: Path
    kind: str
    head: str
    fields: Fields
    sizes: tuple[int, ...]
    data_path: Path
    start: int
    packing: Packing
    packed: int
    offset: int

    @property
    def order(self) -> Literal["<", ">", "="]:
        """Byte order of the voxels, as numpy writes it; where the header names none, the machine's, as in ITK.

        Raises:
            UnreadableError: two orders.
        """
        if self.kind == "nrrd":
            named = {self.fields["endian"].lower() == "big"} if "endian" in self.fields else set()
        else:
            named = {_is_true(self.fields[name]) for name in _META_ORDER if name in self.fields}
        if len(named) > 1:
            message = f"{self.path} is damaged: its header names two byte orders"
            raise UnreadableError(message)
        return "=" if not named else ">" if named.pop() else "<"


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


def stand_in(text: HeaderText) -> bytes:
    """Return the same header for raw voxels that follow it, from which ITK learns all but the voxels."""
    if text.kind == "nrrd":
        kept = _without(_NRRD_LINE, text.head, _NRRD_STORAGE)
        return f"{kept}encoding: raw\nendian: little\n\n".encode("latin-1")
    kept = _without(_META_LINE, text.head, _META_STORAGE)
    return f"{kept}ElementDataFile = LOCAL\n".encode("latin-1")


def header_end(path: Path, kind: str) -> int:
    """Return where a further field may stand in the header of a file that ITK has written."""
    with read_errors(path), path.open("rb") as file:
        text = file.read(_LONGEST_HEADER).decode("latin-1")
    if kind == "nrrd":
        end = _NRRD_END.search(text)
        return end.start() + len(end[0]) // 2 if end else len(text)
    found = _META_END.search(text)
    return found.start() if found else len(text)


def _without(line: re.Pattern[str], head: str, names: frozenset[str]) -> str:
    """Return the lines of a header but for some fields, each with its end."""
    kept = []
    for one in head.split("\n"):
        found = line.match(one)
        if one.strip() and not (found and found[1].strip().replace(" ", "").lower() in names):
            kept.append(f"{one.rstrip()}\n")
    return "".join(kept)


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
    if int(fields.get("lineskip", "0")):
        message = f"{path}: expected voxels right after the header, got lines to skip: use byte skip instead"
        raise UnsupportedError(message)
    if packing is None or fields["type"] == "block":
        got = " in ".join(known_words(fields[name], NRRD_WORDS) for name in ("type", "encoding"))
        message = f"{path}: expected numbers in encoding raw or gzip, got {got}"
        raise UnsupportedError(message)
    sizes = _sizes(fields["dimension"], fields["sizes"], path)
    refuse_axes(fields, path)
    skipped = int(fields.get("byteskip", "0"))
    return _located(path, "nrrd", head, fields, sizes, name, packing, skipped)


def _metaimage(text: str, path: Path) -> HeaderText:
    """Return the parts of a MetaImage header."""
    end = _META_END.search(text)
    if end is None:
        message = f"{path} is not a MetaImage file, or is truncated: its header has no line ElementDataFile"
        raise UnreadableError(message)
    head = text[: end.end()]
    fields = _fields(_META_FIELD, head)
    if not _is_true(fields.get("BinaryData", "True")):
        message = f"{path}: expected binary voxels, got voxels written as text"
        raise UnsupportedError(message)
    sizes = _sizes(fields["NDims"], fields["DimSize"], path)
    refuse_geometry(fields, len(sizes), path)
    name = "" if fields["ElementDataFile"].upper() == "LOCAL" else fields["ElementDataFile"]
    packing: Packing = "zlib" if _is_true(fields.get("CompressedData", "False")) else "none"
    skipped = int(fields.get("HeaderSize", "0"))
    if not name and skipped > 0:
        # Counted from the start of the file, header and all.
        skipped -= len(head)
        if skipped < 0:
            message = f"HeaderSize {known_words(fields['HeaderSize'])}, but a header of {len(head)} bytes"
            raise _ContradictionError(message)
    found = _located(path, "metaimage", head, fields, sizes, name, packing, skipped)
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


def _located(
    path: Path,
    kind: str,
    head: str,
    fields: Fields,
    sizes: tuple[int, ...],
    name: str,
    packing: Packing,
    skipped: int,
) -> HeaderText:
    """Return the header together with the file of the voxels, which must be large enough.

    Args:
        path: the file with the header.
        kind: of the file.
        head: its header.
        fields: of the header.
        sizes: voxels along every axis.
        name: of the file with the voxels; empty where they follow the header.
        packing: how the voxels are packed.
        skipped: bytes to skip before them; -1 where they are the end of the file.
    """
    data_path, start = (path.parent / _inside(name, path), 0) if name else (path, len(head))
    if skipped < -1 or (skipped and packing != "none"):
        message = f"{skipped} bytes to skip before voxels packed as {packing}"
        raise _ContradictionError(message)
    if len(os.fsencode(data_path)) > _LONGEST_PATH:
        message = f"cannot read {path}: expected a path of at most {_LONGEST_PATH} bytes, the limit of ITK"
        raise InputError(message)
    if not os.path.lexists(data_path):
        message = f"cannot read {path}: the data file that its header names is not there"
        raise InputError(message)
    check_regular(data_path)
    with read_errors(data_path):
        if name and data_path.samefile(path):
            message = "the data file is the header itself: expected LOCAL, or no data file for NRRD"
            raise _ContradictionError(message)
        packed = data_path.stat().st_size - start
        check_length(prod(sizes), packed, packing)
    return HeaderText(path, kind, head, fields, sizes, data_path, start, packing, packed, skipped)


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
