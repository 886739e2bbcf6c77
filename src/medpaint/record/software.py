"""What software made a record, and when."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["PACKAGES", "now", "software"]

PACKAGES = (
    "medpaint",
    "numpy",
    "scipy",
    "nibabel",
    "isal",
    "pydicom",
    "SimpleITK",
    "opencv-python-headless",
    "torch",
    "monai",
    "snakemake",
)


def software() -> dict[str, str]:
    """Return the versions of what can change a result, and the machine's kind. No host name, no user."""
    return dict(_versions())


@cache
def _versions() -> Mapping[str, str]:
    """Look the versions up, once a process: parsing what is installed takes tens of milliseconds."""
    versions = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
