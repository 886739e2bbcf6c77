"""Credentials for a server, kept out of command lines, logs and messages."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from medpaint.core.errors import UsageError
from medpaint.io.private import read_private

__all__ = ["Credentials", "check_authority", "read_credentials"]


@dataclass(frozen=True)
class Credentials:
    """Credentials for a server: a user and a password, or a token."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def read_credentials(path: Path) -> Credentials:
    """Read credentials from a file that only its owner can read.

    It has one line, ``user:password`` or ``token:...``.

    Raises:
        UsageError: others can read the file, or it contains something else.
        InputError: the file cannot be read.
    """
    line = read_private(path)
    name, colon, secret = line.partition(":")
    if not (name and colon and secret):
        message = f"{path}: expected one line, user:password or token:..., got something else"
        raise UsageError(message)
    return Credentials(token=secret) if name == "token" else Credentials(name, secret)


def check_authority(path: Path) -> Path:
    """Return the path of a file of certificates, after checking that it is one.

    Raises:
        UsageError: not a readable PEM file of certificates.
    """
    try:
        ssl.create_default_context().load_verify_locations(path)
    except OSError as error:
        message = f"{path}: expected a PEM file of certificates: {error.strerror or 'it has none'}"
        raise UsageError(message) from error
    return path
