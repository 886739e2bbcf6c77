"""Streams over an archive's file: one that bounds what is read, and one over a stretch of the file."""

from __future__ import annotations

import io
import os
import weakref
from typing import BinaryIO

__all__ = ["Guarded", "Held", "Stretch"]


class Guarded:
    """A file that limits how much is read, whatever its contents make a library ask for.

    Args:
        file: the file.
        most: largest number of bytes in one read.
        most_of_all: largest number of bytes in all reads together.
    """

    def __init__(self, file: BinaryIO, most: int, most_of_all: int | None = None) -> None:
        self._file, self._most, self._left = file, most, most_of_all
        self.tell, self.seekable = file.tell, file.seekable

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position.

        Raises:
            ValueError: a position before the start.
        """
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            message = "a position before the start"
            raise ValueError(message) from error

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: more than allowed.
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


class Held:
    """A file descriptor that is closed when this object is no longer referenced."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


class Stretch(io.RawIOBase):
    """A stretch of an open file, read without moving its position, so that threads can share the file."""

    def __init__(self, held: Held, offset: int, size: int) -> None:
        self.name = ""  # pydicom expects every stream to have one
        self._held, self._offset, self._size, self._at = held, offset, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes, and return how many."""
        content = os.pread(
            self._held.descriptor, min(len(buffer), max(0, self._size - self._at)), self._offset + self._at
        )
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at
