"""Commands that obey the permissions of files, even where the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

__all__ = ["unprivileged"]

_WITHOUT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
"""Root is root by its capabilities: without these it may read and write what its owner may."""


def unprivileged(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run medpaint as a user who may not read everything; skip the test where there is no such user."""
    if reason := _missing():
        pytest.skip(reason)
    command = [*_prefix(), sys.executable, "-m", "medpaint", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def _prefix() -> tuple[str, ...]:
    """Return what runs a command as such a user."""
    return _WITHOUT if os.geteuid() == 0 else ()


@cache
def _missing() -> str:
    """Return why no such user can be had; empty if one can."""
    if _prefix() and shutil.which(_WITHOUT[0]) is None:
        return "the tests run as root, and setpriv is not installed"
    with TemporaryDirectory() as folder:
        closed = Path(folder) / "closed"
        closed.touch(0o000)
        read = subprocess.run([*_prefix(), "cat", str(closed)], capture_output=True, check=False)
    return "" if read.returncode else "permissions of files are not obeyed here"
