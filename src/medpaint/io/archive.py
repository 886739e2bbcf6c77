"""Zip and tar archives read like a folder of files: no file is ever created under a name from the archive.

The contents of the members are in an unnamed temporary file, or in the tar itself if that is uncompressed; each
member is a stretch of it. The unpacked size is limited, because a few kilobytes can expand to anything.
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
from medpaint.io.archive_streams import Guarded, Held, Stretch

__all__ = ["ENDINGS", "MOST_BYTES", "MOST_MEMBERS", "File", "Member", "is_archive", "members", "on_disk"]

ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Endings of the names of archives."""

MOST_MEMBERS: Final = 100_000
"""Largest number of files in an archive; a scan has thousands at most."""

MOST_BYTES: Final = 32 * 2**30
"""Largest unpacked size of an archive, in bytes."""

_LONGEST_DIRECTORY: Final = 32 * 2**20
"""Largest directory of a zip, in bytes; it is read at once."""

_LONGEST_HEADER: Final = 2**20
"""Largest name or extended header of a tar, in bytes; each is read at once."""

_MOST_HEADERS: Final = 256 * 2**20
"""Largest total size of the headers of a tar, in bytes."""

_CHUNK: Final = 2**20

_ZIP: Final = (b"PK\3\4", b"PK\5\6")
_TAR_MARK: Final = slice(257, 262)
_HEAD: Final = 512
"""Number of first bytes by which an archive is recognised."""

_START: Final = 132
"""Number of first bytes by which a DICOM file is recognised."""

_Entry: TypeAlias = tuple[str, int, int]
"""Name, offset and size of a member."""

_Look: TypeAlias = Callable[[bytes], bool]

_Unpack: TypeAlias = Callable[[BinaryIO], BinaryIO]
_UNPACKERS: Final[dict[bytes, _Unpack]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # type: ignore[dict-item]
"""First bytes of the compressed kinds of tar, and what unpacks each."""

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
"""Exceptions for damaged archives and those of unknown kinds."""


@dataclass(frozen=True)
class Member:
    """A file in an archive; it can be read for as long as this object lives.

    Attributes:
        archive: the archive.
        number: of the member, from 1, in the order of names. The name itself is not kept, because folders in
            archives are often named after patients.
    """

    archive: Path
    number: int
    _offset: int
    _size: int
    _held: Held = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in messages and lists."""
        return f"file {self.number}"

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return a stream of its bytes."""
        if mode != "rb":
            message = f"members of archives are read-only, expected mode rb, got {mode}"
            raise ValueError(message)
        return io.BufferedReader(Stretch(self._held, self._offset, self._size))

    def read_bytes(self) -> bytes:
        """Return its bytes."""
        with self.open() as stream:
            return stream.read()

    def __str__(self) -> str:
        """Return its name in messages."""
        return f"{self.name} of {self.archive}"


File: TypeAlias = Path | Member
"""A DICOM object: a file on the disk, or a member of an archive."""


def on_disk(file: File) -> Path:
    """Return the file on the disk that contains a DICOM object."""
    return file.archive if isinstance(file, Member) else file


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip or tar archive, by its first bytes or, if these are ambiguous, by its name.

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
            return path.name.lower().endswith(".tar")  # the oldest kind of tar has no mark
        file.seek(0)
        try:
            with unpack(file) as stream:
                return stream.read(_HEAD)[_TAR_MARK] == b"ustar"
        except (*_DAMAGE, OSError):
            return path.name.lower().endswith(ENDINGS)


def members(path: Path, wanted: Callable[[bytes], bool]) -> list[Member]:
    """Return files in an archive, in the order of their names.

    Folders and devices are skipped, and archives inside it count as ordinary files.

    Args:
        path: a zip, or a tar, plain or compressed by gzip, bzip2 or xz.
        wanted: decides by its first 132 bytes whether a file is returned.

    Raises:
        UnreadableError: damaged, encrypted, too large, or with links or sparse files.
        OSError: it cannot be read, or the disk for temporary files is full.
    """
    with path.open("rb") as file, TemporaryFile() as spool, _damage_reported(path):
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
        held = Held(os.dup(content.fileno()))
    return [
        Member(path, number, offset, size, held) for number, (_, offset, size) in enumerate(sorted(found), start=1)
    ]


def _in_zip(path: Path, file: BinaryIO, spool: BinaryIO, wanted: _Look) -> list[_Entry]:
    """Return the files in a zip, after unpacking them into a spool."""
    with zipfile.ZipFile(Guarded(file, _LONGEST_DIRECTORY)) as archive:
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
    guarded: Any = Guarded(file, _LONGEST_HEADER, _MOST_HEADERS)
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
    """Refuse a tar that does not end with zeros only: to the library, damage looks like the end.

    This also refuses two tars in one file, of which only the first would be read.
    """
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        message = "its end mark is missing"
        raise EOFError(message)
    while chunk := file.read(_CHUNK):
        if chunk.strip(b"\0"):
            message = "something comes after its end"
            raise ValueError(message)


def _refuse(path: Path, what: str) -> NoReturn:
    """Refuse an archive that lacks the contents of some of its files: a slice could be among them."""
    message = f"{path}: expected an archive of plain files, got one with {what}: unpack it and give the folder"
    raise UnreadableError(message)


def _unpacker(start: bytes) -> _Unpack | None:
    """Return what unpacks a file with these first bytes; None where it is not compressed."""
    return next((unpack for known, unpack in _UNPACKERS.items() if start.startswith(known)), None)


def _copied(stream: IO[bytes], target: BinaryIO, path: Path, before: int) -> int:
    """Copy a stream and return its size, after `before` bytes from the same archive."""
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        _check(path, 0, before + size)
        target.write(chunk)
    target.flush()
    return size


def _check(path: Path, count: int, size: int) -> None:
    """Refuse an archive with too many files or too large an unpacked size."""
    if count > MOST_MEMBERS or size > MOST_BYTES:
        message = f"{path}: expected at most {MOST_MEMBERS} files and {MOST_BYTES / 2**30:.0f} GiB in an archive, "
        message += "got more: unpack it and give the folder"
        raise UnreadableError(message)


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    """Turn the exceptions for damaged archives into one line."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if getattr(error, "errno", None) is not None:  # an error of the disk: those of decompressors have no errno
            raise
        if isinstance(error, NotImplementedError):
            message = f"{path}: expected an archive of a usual kind, got one compressed by another method"
        else:
            message = (
                f"{path}: expected an archive that can be unpacked, got a damaged one ({type(error).__name__})"
            )
        raise UnreadableError(message) from error
