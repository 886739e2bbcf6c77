"""Voxels in a file: how one frame is read, and how it is replaced.

Stored numbers are read and written as they are, without conversion, and every byte around them is kept when a file
is written back.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from medpaint.core.errors import InputError, UnreadableError
from medpaint.core.types import Array
from medpaint.io.digest import stream_digest
from medpaint.io.packing import PIECE, DeflateError, Packing, unpacked
from medpaint.io.regular import open_regular

__all__ = [
    "Place",
    "Stored",
    "Visit",
    "between",
    "bytes_with",
    "check_length",
    "check_regular",
    "frames_in",
    "is_link_to_nothing",
    "read_errors",
    "read_frame",
    "reopened",
    "visit_frame",
]

Visit: TypeAlias = Callable[[int, Array], None]
"""Takes the number of the first slice of a slab, and its values, (I, J, n)."""

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
        return self.shape[2] * self.plane_bytes

    @property
    def plane_bytes(self) -> int:
        """Length of a slice along K."""
        i, j, _ = self.shape
        return i * j * self.dtype.itemsize

    @property
    def slab_planes(self) -> int:
        """Number of slices along K that are handled at a time."""
        return max(1, PIECE // self.plane_bytes)

    @property
    def slab_bytes(self) -> int:
        """Length of these."""
        return self.slab_planes * self.plane_bytes

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
    except (zlib.error, DeflateError, gzip.BadGzipFile) as error:
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
    """Read one frame; otherwise as `visit_frame`.

    Returns:
        Its values, (I, J, K), in the machine's byte order, and its position.
    """
    _check_size(file, stored)
    flat = np.empty(stored.frame_bytes, np.uint8)
    slabs = [flat[start : start + stored.slab_bytes] for start in range(0, flat.size, stored.slab_bytes)]
    place = _through(file, stored, frame, slabs)
    return _native(flat, stored, stored.shape[2]), place


def visit_frame(file: BinaryIO, stored: Stored, frame: int, visit: Visit) -> Place:
    """Hand over one frame slab by slab, and check that the file holds all others too.

    Memory is taken only where the file is large enough to hold all frames. What is packed is unpacked to its end,
    so that its checksum is verified.

    Args:
        file: the open file.
        stored: what its header states.
        frame: number of the frame.
        visit: called with the number of the first slice of each slab, in order, and with its values, (I, J, n), in
            the machine's byte order, which are overwritten after that.

    Returns:
        The position of the frame.

    Raises:
        EOFError: the file ends before the last voxel.
        zlib.error: it unpacks to far more than its header states.
    """
    _check_size(file, stored)
    room, planes = np.empty(min(stored.slab_bytes, stored.frame_bytes), np.uint8), stored.slab_planes

    def slabs() -> Iterator[NDArray[np.uint8]]:
        for first in range(0, stored.shape[2], planes):
            count = min(planes, stored.shape[2] - first)
            slab = room[: count * stored.plane_bytes]
            yield slab
            visit(first, _native(slab, stored, count))

    return _through(file, stored, frame, slabs())


def frames_in(file: BinaryIO, stored: Stored) -> Iterator[Array]:
    """Yield all frames of a file that `read_frame` has read, (I, J, K) each, in the machine's byte order."""
    with unpacked(file, stored.packing, stored.start) as stream:
        _skip(stream, stored.offset, stored.packing)
        for _ in range(stored.frames):
            flat = np.empty(stored.frame_bytes, np.uint8)
            _fill(stream, flat.data)
            yield _native(flat, stored, stored.shape[2])


def _check_size(file: BinaryIO, stored: Stored) -> None:
    """Refuse a file that is too small for all frames; see `check_length`."""
    check_length(stored.total_bytes, os.fstat(file.fileno()).st_size - stored.start, stored.packing)


def _through(file: BinaryIO, stored: Stored, frame: int, slabs: Iterable[NDArray[np.uint8]]) -> Place:
    """Fill the slabs of a frame one after the other, check what follows, and return the position of the frame."""
    position = stored.offset + frame * stored.frame_bytes
    with unpacked(file, stored.packing, stored.start) as stream:
        _skip(stream, position, stored.packing)
        end = position
        for slab in slabs:
            got = _fill(stream, slab.data)
            end += got
            if got < len(slab):
                break
        packed = os.fstat(file.fileno()).st_size - stored.start
        tail = packed - end if stored.packing == "none" else _tail(stream, stored, end)
    check_length(stored.total_bytes, end + tail, "none")
    return Place(position, tail)


def _native(flat: NDArray[np.uint8], stored: Stored, planes: int) -> Array:
    """Return bytes of a file as values in the machine's byte order, (I, J, planes), in the same memory."""
    values: Array = flat.view(stored.dtype)
    if not stored.dtype.isnative:
        values = values.byteswap(inplace=True).view(stored.dtype.newbyteorder("="))
    return values.reshape((*stored.shape[:2], planes), order="F")


def _tail(stream: BinaryIO, stored: Stored, end: int) -> int:
    """Return how many bytes follow in an unpacked stream; stop at far more than the header states.

    Args:
        stream: after the frame.
        stored: what the header states.
        end: bytes of the stream before this.

    Raises:
        zlib.error: far more.
    """
    tail, most = 0, 2 * stored.total_bytes + PIECE
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
        for first in range(0, stored.shape[2], stored.slab_planes):
            slab = data[:, :, first : first + stored.slab_planes]
            yield np.asarray(slab, stored.dtype).reshape(-1, order="F").view(np.uint8).data
        if place.tail:
            _skip(stream, stored.frame_bytes, stored.packing)
            yield from _copy(stream, place.tail)


def between(chunks: Iterable[bytes | memoryview], first: int, last: int) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `chunks` from number `first` up to `last`, which is not among them."""
    start = 0
    for chunk in chunks:
        yield chunk[max(0, first - start) : max(0, last - start)]
        start += len(chunk)


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
    while chunk := stream.read(PIECE if left is None else min(PIECE, left)):
        left = None if left is None else left - len(chunk)
        yield chunk


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read into `buffer` until it is full or the stream ends, and return the number of bytes read."""
    filled = 0
    while filled < len(buffer) and (count := cast("io.BufferedIOBase", stream).readinto(buffer[filled:])):
        filled += count
    return filled
