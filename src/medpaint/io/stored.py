"""Voxels in a file: how they are packed, how one frame is read, and how it is replaced.

Stored numbers are read and written as they are, without conversion, and every byte around them is kept when a file
is written back.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

import numpy as np

from medpaint.core.errors import InputError, UnreadableError
from medpaint.core.types import Array
from medpaint.io.digest import stream_digest
from medpaint.io.regular import open_regular

__all__ = [
    "Packing",
    "Place",
    "Stored",
    "between",
    "bytes_with",
    "check_length",
    "check_regular",
    "frames_in",
    "is_link_to_nothing",
    "pack",
    "read_errors",
    "read_frame",
    "reopened",
    "unpacked",
]

Packing = Literal["none", "gzip", "zlib"]
"""How voxels are packed: not at all, or deflated inside a gzip or a zlib frame."""

_LEVEL: Final = 4
"""Level of deflate: on scans within a tenth of the size of level 6, in a fifth to two thirds of its time."""

_CHUNK: Final = 1 << 20

_MOST_DEFLATED: Final = 1032
"""Largest number of bytes that one byte of deflated data can expand to."""

_LINK_TO_NOTHING: Final = "a link to nothing: fetch its content first, as with git annex get or datalad get"


@dataclass(frozen=True)
class Stored:
    """Where the voxels of an image are: in Fortran order, frame after frame.

    Attributes:
        packing: how the file is packed.
        offset: unpacked bytes before the first voxel.
        dtype: type and byte order of a voxel.
        shape: voxels of a frame along I, J, K.
        frames: number of frames.
        start: bytes of the file before the packed part.
    """

    packing: Packing
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    frames: int
    start: int = 0

    @property
    def frame_bytes(self) -> int:
        """Length of a frame."""
        i, j, k = self.shape
        return i * j * k * self.dtype.itemsize

    @property
    def total_bytes(self) -> int:
        """Length of the unpacked part to the end of the last frame."""
        return self.offset + self.frames * self.frame_bytes


@dataclass(frozen=True)
class Place:
    """Position of the frame that was read.

    Attributes:
        position: unpacked bytes before it.
        tail: unpacked bytes after it.
    """

    position: int
    tail: int


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn exceptions from reading `path` into one line.

    Raises:
        UnreadableError: the file is truncated or damaged.
        InputError: the file is missing or may not be read.
    """
    try:
        yield
    except EOFError as error:
        message = f"{path} is truncated: {error}"
        raise UnreadableError(message) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        message = f"{path} is damaged: its compressed part cannot be unpacked ({error})"
        raise UnreadableError(message) from error
    except OSError as error:
        reason = _LINK_TO_NOTHING if is_link_to_nothing(path) else error.strerror or error
        named = error.filename if isinstance(error.filename, str) else path  # such as a folder below
        message = f"cannot read {named}: {reason}"
        raise InputError(message) from error


def is_link_to_nothing(path: Path) -> bool:
    """Return whether `path` is a link to something that is not there, as of data that were not fetched yet."""
    # Those of pathlib raise for a name that is too long, and this is called while errors are handled.
    return os.path.islink(path) and not os.path.exists(path)  # noqa: PTH110, PTH114


def check_regular(path: Path) -> None:
    """Refuse a path that is not a regular file: reading a pipe or a device could wait for ever, or never end.

    Raises:
        InputError: missing, a link to nothing, or a folder, pipe, socket or device.
    """
    with read_errors(path):
        os.close(open_regular(path))


@contextmanager
def reopened(path: Path, sha256: str) -> Iterator[BinaryIO]:
    """Open a file again that was read before.

    Raises:
        InputError: it is gone, or its bytes have changed since.
    """
    with ExitStack() as stack:
        with read_errors(path):
            file = stack.enter_context(path.open("rb"))
            digest = stream_digest(file)
        if digest != sha256:
            message = f"{path} has changed since it was read: expected SHA-256 {sha256[:12]}…, got {digest[:12]}…"
            raise InputError(message)
        yield file


@contextmanager
def unpacked(file: BinaryIO, packing: Packing, start: int = 0) -> Iterator[BinaryIO]:
    """Yield a stream of what follows byte `start` of `file`, unpacked."""
    file.seek(start)
    if packing == "none":
        yield file
    elif packing == "gzip":
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            yield cast("BinaryIO", stream)
    else:
        yield cast("BinaryIO", _Inflated(file))


class _Inflated(io.RawIOBase):
    """What a zlib frame in a file holds, unpacked piece by piece; a gzip frame too, which some writers use."""

    def __init__(self, file: BinaryIO) -> None:
        """Start where `file` is."""
        self._file = file
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - io says so
        """Fill a buffer or a part of it, and return how many bytes it got; 0 at the end of the frame.

        Raises:
            EOFError: the file ends first.
        """
        packed = self._inflater.unconsumed_tail
        while len(buffer):  # for zlib a length of 0 is no limit
            content = self._inflater.decompress(packed, len(buffer))
            if content or self._inflater.eof:
                buffer[: len(content)] = content
                return len(content)
            packed = self._file.read(_CHUNK)
            if not packed:
                message = "its compressed part ends too early"
                raise EOFError(message)
        return 0


def check_length(needed: int, packed: int, packing: Packing) -> None:
    """Refuse a file whose part with the voxels, `packed` bytes long, cannot hold `needed` bytes.

    Raises:
        EOFError: too short at any compression.
    """
    there = packed if packing == "none" else packed * _MOST_DEFLATED
    if there < needed:
        message = f"its header states {needed:,} bytes, the file has at most {there:,}"
        raise EOFError(message)


def read_frame(file: BinaryIO, stored: Stored, frame: int) -> tuple[Array, Place]:
    """Read one frame and check that the file holds all others too.

    Memory is taken for one frame, and only where the file is large enough to hold all. What is packed is unpacked
    to its end, so that its checksum is verified.

    Returns:
        Its values, (I, J, K), in the machine's byte order, and its position.

    Raises:
        EOFError: the file ends before the last voxel.
        zlib.error: it unpacks to far more than its header states.
    """
    packed = os.fstat(file.fileno()).st_size - stored.start
    check_length(stored.total_bytes, packed, stored.packing)
    position = stored.offset + frame * stored.frame_bytes
    with unpacked(file, stored.packing, stored.start) as stream:
        _skip(stream, position, stored.packing)
        values, got = _frame(stream, stored)
        end = position + got
        tail = packed - end if stored.packing == "none" else _tail(stream, stored, end)
    check_length(stored.total_bytes, end + tail, "none")
    return values, Place(position, tail)


def frames_in(file: BinaryIO, stored: Stored) -> Iterator[Array]:
    """Yield all frames of a file that `read_frame` has read, (I, J, K) each, in the machine's byte order."""
    with unpacked(file, stored.packing, stored.start) as stream:
        _skip(stream, stored.offset, stored.packing)
        for _ in range(stored.frames):
            yield _frame(stream, stored)[0]


def _frame(stream: BinaryIO, stored: Stored) -> tuple[Array, int]:
    """Return the next frame of a stream, and how many of its bytes were there."""
    flat = np.empty(stored.frame_bytes, np.uint8)
    got = _fill(stream, flat.data)
    values = flat.view(stored.dtype)
    if not stored.dtype.isnative:
        values = values.byteswap(inplace=True).view(stored.dtype.newbyteorder("="))
    return values.reshape(stored.shape, order="F"), got


def _tail(stream: BinaryIO, stored: Stored, end: int) -> int:
    """Return how many bytes follow in an unpacked stream; stop at far more than the header states.

    Args:
        stream: after the frame.
        stored: what the header states.
        end: bytes of the stream before this.

    Raises:
        zlib.error: far more.
    """
    tail, most = 0, 2 * stored.total_bytes + _CHUNK
    for chunk in _copy(stream, None):
        tail += len(chunk)
        if end + tail > most:
            message = f"its header states {stored.total_bytes:,} bytes, it unpacks to more than {most:,}"
            raise zlib.error(message)
    return tail


def bytes_with(file: BinaryIO, stored: Stored, place: Place, data: Array) -> Iterator[bytes | memoryview]:
    """Yield the unpacked bytes of `file` with one frame replaced by `data` and nothing else changed.

    Args:
        file: the open file that the frame was read from.
        stored: where its voxels are.
        place: where the frame was.
        data: the new values, (I, J, K).

    Raises:
        ValueError: `data` has another shape or type than what was read.
    """
    dtype = stored.dtype.newbyteorder("=")
    if data.shape != stored.shape or data.dtype != dtype:
        message = f"expected {dtype}{stored.shape}, got {data.dtype}{data.shape}"
        raise ValueError(message)
    with unpacked(file, stored.packing, stored.start) as stream:
        yield from _copy(stream, place.position)
        yield np.asarray(data, stored.dtype).reshape(-1, order="F").view(np.uint8).data
        if place.tail:
            _skip(stream, stored.frame_bytes, stored.packing)
            yield from _copy(stream, place.tail)


def between(chunks: Iterable[bytes | memoryview], first: int, last: int) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `chunks` from number `first` up to `last`, which is not among them."""
    start = 0
    for chunk in chunks:
        yield chunk[max(0, first - start) : max(0, last - start)]
        start += len(chunk)


def pack(chunks: Iterable[bytes | memoryview], out: BinaryIO, packing: Packing) -> None:
    """Write `chunks` to `out`, plain or gzipped; the same chunks give the same bytes."""
    if packing == "none":
        out.writelines(chunks)
        return
    with gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as stream:
        for chunk in chunks:
            stream.write(chunk)


def _skip(stream: BinaryIO, count: int, packing: Packing) -> None:
    """Pass over the next `count` bytes."""
    if packing == "none":
        stream.seek(count, io.SEEK_CUR)
        return
    for _ in _copy(stream, count):
        pass


def _copy(stream: BinaryIO, count: int | None) -> Iterator[bytes]:
    """Yield the next `count` bytes, or all remaining ones, in pieces."""
    left = count
    while chunk := stream.read(_CHUNK if left is None else min(_CHUNK, left)):
        left = None if left is None else left - len(chunk)
        yield chunk


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read into `buffer` until it is full or the stream ends, and return the number of bytes read."""
    filled = 0
    while filled < len(buffer) and (count := cast("io.BufferedIOBase", stream).readinto(buffer[filled:])):
        filled += count
    return filled
