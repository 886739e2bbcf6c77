"""Files and folders that appear complete or not at all.

Everything is written inside a hidden folder, ``.part.`` and 16 hexadecimal digits, next to the final path, so that
writers see the final name. The process that writes holds a lock on that folder. What a killed process leaves
behind has no lock, and the next process that writes in the same place removes it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from medpaint.core.errors import WriteError
from medpaint.io.locks import is_still, try_lock, wait_for_lock

__all__ = ["hidden_folder", "is_part", "replacing", "replacing_folder"]

_PART: Final = re.compile(r"\.part\.[0-9a-f]{16}")
"""Names of hidden folders: eight digits of the machine, eight at random."""

_OLD: Final = ".old."
"""Prefix of a folder that was moved aside."""

_ABANDONED_S: Final = 24 * 3600.0
"""Age from which another machine's hidden folder may be removed: not every file system shares locks between
machines, so until then only what this machine made is removed."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write a file to, which replaces `path` when the block ends without an error.

    It has the name of `path`, in a hidden folder next to it. Missing parent folders are created. On an error
    `path` is not changed.

    Raises:
        WriteError: cannot write there: no permission, no space, a folder of that name.
    """
    with _write_errors(path):
        if path.is_dir():
            message = f"cannot write {path}: expected a file, found a folder"
            raise WriteError(message)
        with hidden_folder(path.parent) as hidden:
            part = hidden / path.name
            yield part
            _flush(part)
            part.replace(path)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder, which replaces `path` when the block ends without an error.

    It has the name of `path`, in a hidden folder next to it. An existing folder at `path` is moved aside, and
    deleted once the new one is in its place.

    Raises:
        WriteError: cannot write there: no permission, no space, a file of that name.
    """
    with _write_errors(path):
        if _is_not_folder(path):
            message = f"cannot write {path}: expected a folder, found a file"
            raise WriteError(message)
        with hidden_folder(path.parent) as hidden:
            part = hidden / path.name
            part.mkdir()
            yield part
            for file in sorted(part.rglob("*")):
                _flush(file)
            _swap(part, path)


def is_part(name: str) -> bool:
    """Return whether a folder of this name holds files that are not yet complete."""
    return bool(_PART.fullmatch(name))


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `parent`, locked while the block runs and removed after it.

    Hidden folders that killed processes left in `parent` are removed first.

    Raises:
        OSError: cannot write there.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    hidden, descriptor = _new_folder(parent)
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(descriptor)


def _new_folder(parent: Path) -> tuple[Path, int]:
    """Create a hidden folder and return it with the descriptor that holds its lock.

    Between its creation and the lock another process may take it for abandoned and remove it; then the next
    one is tried.
    """
    while True:
        hidden = parent / f".part.{_machine()}{secrets.token_hex(4)}"
        try:
            hidden.mkdir()
        except FileExistsError:
            continue
        try:
            descriptor = os.open(hidden, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        wait_for_lock(descriptor)
        if is_still(hidden, descriptor):
            return hidden, descriptor
        os.close(descriptor)


def _machine() -> str:
    """Return eight hexadecimal digits that identify this machine."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _sweep(parent: Path) -> None:
    """Remove the hidden folders in `parent` whose processes have ended."""
    found: list[Path] = []
    with suppress(PermissionError), os.scandir(parent) as entries:  # a folder may be writable but not readable
        found += [
            Path(entry.path) for entry in entries if is_part(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
    for hidden in found:
        with suppress(OSError):  # another process is removing it, or it belongs to another user
            _remove_if_abandoned(hidden)


def _remove_if_abandoned(hidden: Path) -> None:
    """Remove a hidden folder that no process holds; a folder that was moved aside goes back to its place."""
    is_own = hidden.name.startswith(f".part.{_machine()}")
    if not is_own and time.time() - hidden.stat().st_mtime < _ABANDONED_S:
        return
    descriptor = os.open(hidden, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not try_lock(descriptor) or not is_still(hidden, descriptor):
            return
        for old in hidden.glob(f"{_OLD}*"):
            place = hidden.parent / old.name.removeprefix(_OLD)
            if not place.exists():
                old.replace(place)
        shutil.rmtree(hidden, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is_not_folder(path: Path) -> bool:
    """Return whether something other than a folder is at `path`, checked in a single call."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _swap(part: Path, path: Path) -> None:
    """Put the folder `part` in the place of `path`, and put the old one back if that fails."""
    old = part.with_name(f"{_OLD}{path.name}")
    while True:
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            path.replace(old)
        try:
            part.replace(path)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:  # another process has put its folder there
                continue
            if old.exists():
                old.replace(path)
            raise
        return


def _flush(path: Path) -> None:
    """Flush a file's bytes to the disk, so that no file is partial under its final name."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into one line about `path`."""
    try:
        yield
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise WriteError(message) from error
