"""Regular files: nothing else is opened, because a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["open_regular", "regular_bytes"]


def open_regular(path: Path) -> int:
    """Open a regular file for reading and return its descriptor; it never waits for a writer.

    Raises:
        OSError: no such file, something other than a file, or it may not be read.
    """
    _check(path.stat().st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check(os.fstat(descriptor).st_mode, path)  # it may have been replaced since
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def regular_bytes(path: Path, most: int | None = None) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file.
        most: largest size in bytes; None: any.

    Raises:
        OSError: no such file, something other than a file, larger, or it cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read() if most is None else file.read(most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"expected at most {most:,} bytes, got more", str(path))
    return content


def _check(mode: int, path: Path) -> None:
    """Refuse a mode other than that of a regular file."""
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"expected a regular file, got {_kind(mode)}", str(path))


def _kind(mode: int) -> str:
    """Return what a path is, by its mode."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
