"""Deflated bytes: how they are packed into files and unpacked again.

ISA-L does both, through the package isal. It takes a seventh of zlib's time to pack and a third to unpack, and
checks what it unpacks as zlib does.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, Literal, cast

from isal import isal_zlib
from isal.igzip import IGzipFile

__all__ = ["PIECE", "DeflateError", "Packing", "pack", "unpacked"]

Packing = Literal["none", "gzip", "zlib"]
"""How voxels are packed: not at all, or deflated inside a gzip or a zlib frame."""

PIECE: Final = 1 << 20
"""Number of bytes that are handled at a time."""

DeflateError: Final = cast("type[Exception]", isal_zlib.error)
"""What unpacking damaged bytes raises, besides `gzip.BadGzipFile` for a wrong checksum."""

_LEVEL: Final = 2
"""Level of ISA-L: on scans within a twentieth of the size of zlib's level 4."""

_GZIP: Final = 16
"""Added to the size of the window, asks for a gzip frame; without a name, a time or a system in it."""

_EITHER: Final = 32
"""Added to the size of the window, takes a zlib or a gzip frame."""


@contextmanager
def unpacked(file: BinaryIO, packing: Packing, start: int = 0) -> Iterator[BinaryIO]:
    """Yield a stream of what follows byte `start` of `file`, unpacked."""
    file.seek(start)
    if packing == "none":
        yield file
    elif packing == "gzip":
        with IGzipFile(fileobj=file, mode="rb") as stream:  # type: ignore[no-untyped-call]
            yield cast("BinaryIO", stream)
    else:
        yield cast("BinaryIO", _Inflated(file))


def pack(chunks: Iterable[bytes | memoryview], out: BinaryIO, packing: Packing) -> None:
    """Write `chunks` to `out`, plain or gzipped; the same chunks give the same bytes."""
    if packing == "none":
        out.writelines(chunks)
        return
    deflater = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, isal_zlib.MAX_WBITS + _GZIP)
    for chunk in chunks:
        out.writelines(deflater.compress(chunk[start : start + PIECE]) for start in range(0, len(chunk), PIECE))
    out.write(deflater.flush())


class _Inflated(io.RawIOBase):
    """What a zlib frame in a file holds, unpacked piece by piece; a gzip frame too, which some writers use."""

    def __init__(self, file: BinaryIO) -> None:
        """Start where `file` is."""
        self._file = file
        self._inflater = isal_zlib.decompressobj(isal_zlib.MAX_WBITS + _EITHER)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - io says so
        """Fill a buffer or a part of it, and return how many bytes it got; 0 at the end of the frame.

        Raises:
            EOFError: the file ends first.
        """
        packed = self._inflater.unconsumed_tail
        while len(buffer):  # here a length of 0 is no limit
            content = self._inflater.decompress(packed, len(buffer))
            if content or self._inflater.eof:
                buffer[: len(content)] = content
                return len(content)
            packed = self._file.read(PIECE)
            if not packed:
                message = "its compressed part ends too early"
                raise EOFError(message)
        return 0
