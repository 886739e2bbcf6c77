"""Deflated files: their size is counted before memory is taken, because a kilobyte can become a megabyte."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Final

from pydicom.filereader import _read_file_meta_info as read_meta
from pydicom.filereader import read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medpaint.core.errors import UnreadableError
from medpaint.io.archive import File

__all__ = ["check_inflation"]

_SMALL: Final = 2**26
_LARGEST_RATIO: Final = 20
"""A deflated file may become this many bytes, or so many times its own size: scans shrink to a quarter."""

_CHUNK: Final = 2**20


def check_inflation(stream: BinaryIO, file: File) -> None:
    """Refuse a deflated file that inflates to more than a scan would; leave the stream at its start.

    Raises:
        UnreadableError: it would become too large.
    """
    stream.seek(0)
    read_preamble(stream, force=True)
    if _is_deflated(stream):
        size = 0
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        while chunk := unpacker.unconsumed_tail or stream.read(_CHUNK):
            size += len(unpacker.decompress(chunk, _CHUNK))
            most = max(_SMALL, _LARGEST_RATIO * stream.tell())
            if size > most:
                message = (
                    f"expected at most {most} bytes in a deflated file, got one that inflates to more: {file}"
                )
                raise UnreadableError(message)
            if unpacker.eof:
                break
    stream.seek(0)


def _is_deflated(stream: BinaryIO) -> bool:
    """Return whether the meta header at the place of a stream says that the rest is deflated."""
    return bool(read_meta(stream).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian)
