"""What a server asks for before it answers, kept out of command lines, logs and messages."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from medpaint.core.errors import UsageError
from medpaint.io.private import read_private

__all__ = ["Credentials", "check_authority", "read_credentials"]


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
    line = read_private(path)
    name, colon, secret = line.partition(":")
    if not (name and colon and secret):
        message = f"{path}: expected one line, user:password or token:..., got something else"
        raise UsageError(message)
    return Credentials(token=secret) if name == "token" else Credentials(name, secret)


def check_authority(path: Path) -> Path:
    """Return a file of certificates.

    Raises:
        UsageError: it is none.
    """
    try:
        ssl.create_default_context().load_verify_locations(path)
    except OSError as error:
        message = f"{path}: expected certificates to trust, PEM: {error.strerror or 'there are none in it'}"
        raise UsageError(message) from error
    return path
