"""Files that only their owner may read: credentials and secrets; and names derived from a secret."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

from medpaint.core.errors import InputError, UsageError

__all__ = ["SHORTEST_SECRET", "keyed_name", "read_private", "read_secret"]

SHORTEST_SECRET = 16
"""Least number of characters of a secret, so that it cannot be guessed by trial."""


def read_private(path: Path) -> str:
    """Return the single line in a file.

    Raises:
        UsageError: users other than its owner may read it, or it has several lines.
        InputError: it cannot be read.
    """
    try:
        others = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        line = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        message = f"{path}: expected a file that can be read: {reason}"
        raise InputError(message) from error
    if others:
        message = f"{path}: expected a file that only its owner can read (chmod 600), got one that others can read"
        raise UsageError(message)
    if "\n" in line:
        message = f"{path}: expected one line, got several"
        raise UsageError(message)
    return line


def read_secret(path: Path) -> bytes:
    """Return the secret in a file.

    Raises:
        UsageError: as for `read_private`, or it is too short.
        InputError: it cannot be read.
    """
    secret = read_private(path)
    if len(secret) < SHORTEST_SECRET:
        message = f"{path}: expected a secret of {SHORTEST_SECRET} characters or more, got {len(secret)}"
        raise UsageError(message)
    return secret.encode()


def keyed_name(secret: bytes, known_as: str, what: str = "scan") -> str:
    """Return a name for a scan or a person that is the same for the same secret and reveals nothing without it."""
    return f"{what}-{hmac.new(secret, known_as.encode(), hashlib.sha256).hexdigest()[:16]}"
