"""The secret of de-identified products, read before the work so that a bad one is refused early."""

from __future__ import annotations

from pathlib import Path

from medpaint.io.private import read_secret
from medpaint.parameters import WriteParameters

__all__ = ["secret_of"]


def secret_of(parameters: WriteParameters) -> bytes:
    """Return the secret that products are de-identified with; empty where they are not.

    Raises:
        UsageError: users other than its owner can read the file, or it is too short.
        InputError: its file cannot be read.
    """
    return read_secret(Path(parameters.deidentify)) if parameters.deidentify else b""
