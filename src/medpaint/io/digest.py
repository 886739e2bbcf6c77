"""Hashes of files, by which records identify them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from medpaint.core.errors import InputError

if TYPE_CHECKING:
    from io import BufferedReader

__all__ = ["combined_digest", "file_digest", "stream_digest"]


def stream_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of the rest of an open file, in hexadecimal, and return to its start."""
    digest = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
    file.seek(0)
    return digest


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as they are on the disk, in hexadecimal.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return stream_digest(file)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise InputError(message) from error


def combined_digest(digests: Iterable[str]) -> str:
    """Return the SHA-256 over several hexadecimal digests, in the order given."""
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()
