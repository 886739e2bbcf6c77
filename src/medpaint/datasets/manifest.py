"""Persons and scans that must not be scored, from a manifest of training data."""

from __future__ import annotations

import json
from pathlib import Path

from medpaint.core.errors import InputError, UnreadableError

__all__ = ["read_manifest"]


def read_manifest(path: Path) -> frozenset[str]:
    """Return the persons and hashes that a manifest of training data names.

    Args:
        path: a JSON list whose items are strings, or objects with ``person`` or ``sha256``; or the record of a
            training, which contains such a list.

    Raises:
        InputError: the file is missing, or contains something else.
    """
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise UnreadableError(message) from error
    except ValueError as error:
        message = f"{path}: expected a JSON list of persons or hashes, got a file that is not JSON"
        raise UnreadableError(message) from error
    named: list[object] = []
    if isinstance(items, dict):
        items = items.get("scans")
    for item in items if isinstance(items, list) else [None]:
        named += [item[key] for key in ("person", "sha256") if item.get(key)] if isinstance(item, dict) else [item]
    if not named or not all(isinstance(name, str) and name for name in named):
        message = f"{path}: expected a JSON list of persons or hashes: strings, or objects with person or sha256"
        raise InputError(message)
    return frozenset(map(str, named))
