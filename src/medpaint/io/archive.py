"""Zip and tar archives as a folder of files: nothing is unpacked under a name that the archive chooses.

What the members hold lies in a temporary file that has no name, or in the tar itself where that is not
compressed; each member is a stretch of it. How much an archive may unpack to is limited, as a few kilobytes can
claim anything.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count as count_from
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, Final, NoReturn, TypeAlias

from medpaint.core.errors import UnreadableError

__all__ = ["ENDINGS", "MOST_BYTES", "MOST_MEMBERS", "File", "Member", "is_archive", "members", "on_disk"]

ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""What the name of an archive may end in."""

MOST_MEMBERS: Final = 100_000
"""Files that an archive may hold; a scan has thousands at most."""

MOST_BYTES: Final = 32 * 2**30
"""Size that an archive may unpack to."""

_LONGEST_DIRECTORY: Final = 32 * 2**20
"""Size of the directory of a zip, which is read at once."""

_LONGEST_HEADER: Final = 2**20
"""Size of a name or an extended header of a tar, each of which is read at once."""

_MOST_HEADERS: Final = 256 * 2**20
"""Size of all headers of a tar."""

_CHUNK: Final = 2**20

_ZIP: Final = (b"PK\3\4", b"PK\5\6")
_TAR_MARK: Final = slice(257, 262)
_HEAD: Final = 512
"""Bytes that tell an archive."""

_START: Final = 132
"""Bytes that tell a DICOM file."""

_Entry: TypeAlias = tuple[str, int, int]
"""Name, offset and size of a member."""

_Look: TypeAlias = Callable[[bytes], bool]

_Unpack: TypeAlias = Callable[[BinaryIO], BinaryIO]
_UNPACKERS: Final[dict[bytes, _Unpack]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # type: ignore[dict-item]
"""How the compressed kinds of tar start, and what unpacks them."""

_DAMAGE: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What damaged archives, and those of unknown kinds, raise."""


@dataclass(frozen=True)
class Member:
    """A file in an archive; it can be read for as long as it is held.

    Attributes:
        archive: the archive.
        number: of the member, from 1, in the order of names. The name itself is not kept: folders in archives are
            often called after patients, and nobody who names the archive has chosen it.
    """

    archive: Path
    number: int
    _offset: int
    _size: int
    _held: _Held = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """What to call it."""
        return f"file {self.number}"

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return a stream of its bytes."""
        if mode != "rb":
            message = f"a member of an archive is read only, not opened as {mode}"
            raise ValueError(message)
        return io.BufferedReader(_Stretch(self._held, self._offset, self._size))

    def read_bytes(self) -> bytes:
        """Return its bytes."""
        with self.open() as stream:
            return stream.read()

    def __str__(self) -> str:
        """Return what messages call it."""
        return f"{self.name} of {self.archive}"


File: TypeAlias = Path | Member
"""What holds a DICOM object: a file of the disk, or a member of an archive."""


def on_disk(file: File) -> Path:
    """Return the file of the disk that holds a DICOM object."""
    return file.archive if isinstance(file, Member) else file


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive, by its first bytes; where those do not tell, by its name.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head.startswith(_ZIP) or head[_TAR_MARK] == b"ustar":
            return True
        unpack = _unpacker(head)
        if unpack is None:
            return path.name.lower().endswith(".tar")  # the oldest kind has no mark
        file.seek(0)
        try:
            with unpack(file) as stream:
                return stream.read(_HEAD)[_TAR_MARK] == b"ustar"
        except (*_DAMAGE, OSError):
            return path.name.lower().endswith(ENDINGS)


def members(path: Path, wanted: Callable[[bytes], bool]) -> list[Member]:
    """Return files in an archive, in the order of their names.

    Folders and devices are passed over, and archives in it are files like others.

    Args:
        path: a zip, or a tar, plain or compressed by gzip, bzip2 or xz.
        wanted: says by its first 132 bytes whether a file is.

    Raises:
        UnreadableError: it is damaged or encrypted, holds links or sparse files, or more than is allowed.
        OSError: it cannot be read, or the disk for temporary files is full.
    """
    with path.open("rb") as file, TemporaryFile() as spool, _damage_told(path):
        start = file.read(_HEAD)
        unpack = _unpacker(start)
        file.seek(0)
        content: BinaryIO = file
        if start.startswith(_ZIP):
            content, found = spool, _in_zip(path, file, spool, wanted)
        elif unpack is None:
            found = _in_tar(path, file, wanted)
        else:
            with unpack(file) as stream:
                _copied(stream, spool, path, 0)
            content, found = spool, _in_tar(path, spool, wanted)
        held = _Held(os.dup(content.fileno()))
    return [
        Member(path, number, offset, size, held) for number, (_, offset, size) in enumerate(sorted(found), start=1)
    ]


def _in_zip(path: Path, file: BinaryIO, spool: BinaryIO, wanted: _Look) -> list[_Entry]:
    """Return the files in a zip, after unpacking them into a spool."""
    with zipfile.ZipFile(_Guarded(file, _LONGEST_DIRECTORY)) as archive:
        inside = [one for one in archive.infolist() if not one.is_dir()]
        _check(path, len(inside), sum(one.file_size for one in inside))
        if any(one.flag_bits & 1 for one in inside):
            message = f"{path}: expected an archive that is not encrypted"
            raise UnreadableError(message)
        if any(stat.S_ISLNK(one.external_attr >> 16) for one in inside):
            _refuse(path, "links")
        found, offset = [], 0
        for one in inside:
            with archive.open(one) as stream:
                start = stream.read(_START)
                if not wanted(start):
                    continue
                spool.write(start)
                size = len(start) + _copied(stream, spool, path, offset + len(start))
            found.append((one.filename, offset, size))
            offset += size
    return found


def _in_tar(path: Path, file: BinaryIO, wanted: _Look) -> list[_Entry]:
    """Return the files in a tar that is not compressed."""
    places: dict[str, tuple[int, int]] = {}
    found: list[_Entry] = []
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    guarded: Any = _Guarded(file, _LONGEST_HEADER, _MOST_HEADERS)
    with tarfile.TarFile(fileobj=guarded) as opened:
        archive: Any = opened
        for count in count_from(1):
            one = archive.next()
            if one is None:
                break
            _check(path, count, 0)
            archive.members = []  # the library would keep them all
            if one.issym() or one.issparse() or (one.islnk() and one.linkname not in places):
                _refuse(path, "sparse files" if one.issparse() else "links")
            if one.isreg() or one.islnk():
                place = places[one.linkname] if one.islnk() else (one.offset_data, one.size)
                if sum(place) > length:
                    message = "a member is cut off"
                    raise EOFError(message)
                places[one.name] = place
                found.append((one.name, *place))
        _check_end(file, archive.offset)
    return [one for one in found if wanted(os.pread(file.fileno(), min(_START, one[2]), one[1]))]


def _check_end(file: BinaryIO, offset: int) -> None:
    """Refuse a tar that does not end with zeros alone: for the library, damage is an end like any other.

    One that another was appended to does not either, and is not read in part.
    """
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        message = "it ends without the mark of the end"
        raise EOFError(message)
    while chunk := file.read(_CHUNK):
        if chunk.strip(b"\0"):
            message = "something comes after its end"
            raise ValueError(message)


def _refuse(path: Path, what: str) -> NoReturn:
    """Refuse an archive some of whose files are not in it as they are: a slice could be among them."""
    message = f"{path}: expected an archive of plain files, got one with {what}: unpack it and name the folder"
    raise UnreadableError(message)


def _unpacker(start: bytes) -> _Unpack | None:
    """Return what unpacks a file that starts so; None where it is not compressed."""
    return next((unpack for known, unpack in _UNPACKERS.items() if start.startswith(known)), None)


def _copied(stream: IO[bytes], target: BinaryIO, path: Path, before: int) -> int:
    """Copy a stream, and return its size; `before` bytes of the archive came before it."""
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        _check(path, 0, before + size)
        target.write(chunk)
    target.flush()
    return size


def _check(path: Path, count: int, size: int) -> None:
    """Refuse an archive of too many files, or that unpacks to too much."""
    if count > MOST_MEMBERS or size > MOST_BYTES:
        message = f"{path}: expected at most {MOST_MEMBERS} files and {MOST_BYTES / 2**30:.0f} GiB in an archive, "
        message += "got more: unpack it and name the folder"
        raise UnreadableError(message)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn what damaged archives raise into one line."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the disk; that of a decompressor has no number
            raise
        message = f"{path}: expected an archive that can be unpacked, got a damaged or unknown one"
        raise UnreadableError(message) from error


class _Guarded:
    """A file that is never read a long stretch at once, whatever its contents make a library ask for.

    Args:
        file: the file.
        most: bytes that may be read at once.
        most_of_all: bytes that may be read altogether.
    """

    def __init__(self, file: BinaryIO, most: int, most_of_all: int | None = None) -> None:
        self._file, self._most, self._left = file, most, most_of_all
        self.tell, self.seekable = file.tell, file.seekable

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place.

        Raises:
            ValueError: there is no such place.
        """
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            message = "a place before the beginning"
            raise ValueError(message) from error

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: too many were asked for.
        """
        content = self._file.read(self._most + 1 if size < 0 else min(size, self._most + 1))
        if self._left is not None:
            self._left -= len(content)
        if len(content) > self._most or (self._left is not None and self._left < 0):
            message = "directories or names that are too long"
            raise ValueError(message)
        return content

    def close(self) -> None:
        """Leave the file open, for its members."""


class _Held:
    """A descriptor of a file, closed when nobody holds it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


class _Stretch(io.RawIOBase):
    """A stretch of an open file, read without moving in that file, so that threads can share it."""

    def __init__(self, held: _Held, offset: int, size: int) -> None:
        self.name = ""  # of a file of the disk: pydicom asks every stream for one
        self._held, self._offset, self._size, self._at = held, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = os.pread(
            self._held.descriptor, min(len(buffer), max(0, self._size - self._at)), self._offset + self._at
        )
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at
