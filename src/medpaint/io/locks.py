"""Locks that a process holds while it runs; the system releases them when it ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from medpaint.core.errors import LockedError, WriteError

__all__ = ["exclusive", "is_still", "try_lock", "wait_for_lock"]

_HELD: Final = {errno.EWOULDBLOCK, errno.EACCES}
"""Errors of flock that mean that another process holds the lock; all others: locks are not supported here."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path` while the block runs.

    The file is created where it is missing, with its folder, and removed at the end if it is empty. On a file
    system without locks the block runs without one.

    Raises:
        LockedError: another process holds the lock.
        WriteError: the file cannot be created.
    """
    descriptor = _opened_and_locked(path)
    try:
        yield
    finally:
        if os.fstat(descriptor).st_size == 0 and is_still(path, descriptor):
            path.unlink()  # before the lock is released: nobody else holds this file
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder, unless another process holds it.

    Returns:
        Whether it is locked now; False also where the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Lock an open file or folder once nobody else holds it; do nothing where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return


def is_still(path: Path, descriptor: int) -> bool:
    """Return whether `path` still names the open file or folder."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _opened_and_locked(path: Path) -> int:
    """Return a descriptor of the file `path`, created where missing, with a lock on it."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            message = f"cannot write {path}: {error.strerror or error}"
            raise WriteError(message) from error
        try:
            _lock_or_refuse(descriptor, path)
            if is_still(path, descriptor):  # its last holder may have removed it after it was opened here
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_or_refuse(descriptor: int, path: Path) -> None:
    """Lock an open file.

    Raises:
        LockedError: another process holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            message = f"{path.parent}: another process is writing there (it holds {path.name}); wait until it ends"
            raise LockedError(message) from error
