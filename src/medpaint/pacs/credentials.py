"""What a server asks for before it answers, kept out of command lines, logs and messages."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

from medpaint.core.errors import InputError, UsageError

__all__ = ["Credentials", "read_credentials"]


@dataclass(frozen=True)
class Credentials:
    """What a server asks for: a user and a password, or a token."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def read_credentials(path: Path) -> Credentials:
    """Read credentials from a file that only its owner may read.

    It holds one line, ``user:password`` or ``token:...``.

    Raises:
        UsageError: others may read it, or it holds something else.
        InputError: it cannot be read.
    """
    try:
        others = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        line = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"{path}: expected a file of credentials: {getattr(error, 'strerror', None) or 'no text in UTF-8'}"
        )
        raise InputError(message) from error
    if others:
        message = f"{path}: expected a file that only its owner can read (chmod 600), got one that others can"
        raise UsageError(message)
    name, colon, secret = line.partition(":")
    if not (name and colon and secret) or "\n" in line:
        message = f"{path}: expected one line, user:password or token:..., got something else"
        raise UsageError(message)
    return Credentials(token=secret) if name == "token" else Credentials(name, secret)
