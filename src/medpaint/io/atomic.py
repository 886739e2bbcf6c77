"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medpaint.core.errors import MedpaintError

__all__ = ["replacing", "replacing_folder"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden sibling to write to, which becomes `path` when the block ends without an error.

    The sibling keeps the file's endings, by which writers choose a format, and its name depends on
    `path` alone: what a killed process leaves behind is overwritten by the next one. Missing parent
    folders are made. On an error the sibling is removed and `path` is left as it was.

    Raises:
        MedpaintError: the place cannot be written to: no permission, no space, a folder of that name.
    """
    part = path.with_name(f".part.{path.name}")
    with _write_errors(path):
        if path.is_dir():
            message = f"cannot write {path}: expected a file, found a folder"
            raise MedpaintError(message)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.unlink(missing_ok=True)
            yield part
            _flush(part)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden, empty sibling folder, which becomes `path` when the block ends without an error.

    A folder that stands at `path` is moved aside first and deleted after the swap. What a killed
    process leaves behind is removed by the next one.

    Raises:
        MedpaintError: the place cannot be written to: no permission, no space, a file of that name.
    """
    part = path.with_name(f".part.{path.name}")
    with _write_errors(path):
        if path.exists() and not path.is_dir():
            message = f"cannot write {path}: expected a folder, found a file"
            raise MedpaintError(message)
        _discard(part)
        part.mkdir(parents=True)
        try:
            yield part
            for file in sorted(part.rglob("*")):
                _flush(file)
            _swap(part, path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _swap(part: Path, path: Path) -> None:
    """Put the folder `part` where `path` is; put the old one back where that fails."""
    old = path.with_name(f".old.{path.name}")
    if not path.exists():
        part.replace(path)
        _discard(old)
        return
    _discard(old)
    path.replace(old)
    try:
        part.replace(path)
    except OSError:
        old.replace(path)
        raise
    shutil.rmtree(old)


def _discard(leftover: Path) -> None:
    """Delete a folder or file that a killed process left behind."""
    if leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover)
    else:
        leftover.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have a file's bytes put on the disk, so that a name never stands for less than the whole."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says into one line about `path`."""
    try:
        yield
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise MedpaintError(message) from error
