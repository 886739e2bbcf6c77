"""Folders of output: checked, made and locked before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from medpaint.core.errors import InputError, LockedError, WriteError
from medpaint.core.text import described_os
from medpaint.io.locks import exclusive

__all__ = ["locked", "made_folder", "refuse_input", "refuse_inside"]


def refuse_input(product: Path, inputs: Sequence[Path]) -> None:
    """Refuse a product that would replace an input."""
    for path in inputs:
        if path.exists() and product.exists() and path.samefile(product):
            message = f"{product} would replace {path}, which is an input: choose another output folder or name"
            raise InputError(message)


def refuse_inside(folder: Path, origin: Path) -> None:
    """Refuse an output folder inside the folder of a series."""
    try:
        goal, source = folder.resolve(), origin.resolve()
    except OSError as error:
        raise WriteError(described_os(error)) from error
    if source.is_dir() and (source == goal or source in goal.parents):
        message = f"{folder} is inside {origin}, which is the input: choose another output folder"
        raise InputError(message)


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Create a folder if it is missing; remove it again if it is empty after the block."""
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"{folder}: expected a folder for the products, got a file"
        raise InputError(message) from error
    except OSError as error:
        message = f"cannot write {folder}: {error.strerror or error}"
        raise WriteError(message) from error
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):  # not empty, or another process has removed it
                path.rmdir()


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock on the products of one name."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(folder / f".{name}.lock"))
        except LockedError as error:
            message = f"another process is writing {name} in {folder}: wait, or choose another folder or name"
            raise LockedError(message) from error
        yield
