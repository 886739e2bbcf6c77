"""Names of scans: those that users give, and those that files have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from medpaint.core.errors import UsageError

__all__ = ["DATA_ENDINGS", "SCAN_ID", "checked_name", "is_instance", "own_name"]

SCAN_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
"""Pattern of the names that users may give; they become part of file names."""

DATA_ENDINGS: Final = {".nhdr": (".raw", ".raw.gz"), ".mhd": (".raw", ".zraw")}
"""Endings of headers, to those that the file of voxels beside one may have."""

_INSTANCE: Final = re.compile(r"\d{4,}\.dcm")

_ENDINGS: Final = re.compile(
    r"(\.nii)?(\.gz)?$|\.(nrrd|nhdr|mha|mhd|dcm|ima|zip|tgz|tbz2|txz)$|\.tar(\.gz|\.bz2|\.xz)?$", re.IGNORECASE
)
"""Endings of images and archives."""


def own_name(path: Path) -> str:
    """Return the name of a scan without its endings, with dashes for characters that names may not have.

    Args:
        path: the file, folder or archive.
    """
    own = _ENDINGS.sub("", path.resolve().name)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", own).strip(".-") or "scan"


def checked_name(name: str) -> str:
    """Return a name that a user gave, if it matches `SCAN_ID`.

    Raises:
        UsageError: the name does not match.
    """
    if not isinstance(name, str) or not re.fullmatch(SCAN_ID, name):
        message = (
            "expected a name of at most 128 letters, digits, dots, dashes and underscores that starts with a "
            f"letter or digit, got {name!r}"
        )
        raise UsageError(message)
    return name


def is_instance(name: str) -> bool:
    """Return whether a file in the folder of a restored series is named as medpaint names instances."""
    return bool(_INSTANCE.fullmatch(name))
