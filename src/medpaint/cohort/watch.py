"""The files whose change redoes a scan."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from medpaint.io.reading import outline

__all__ = ["watched_files"]

_UNWATCHABLE: Final = re.compile(r"[{}\x00-\x1f\x7f\ud800-\udfff]")
"""Characters in names that Snakemake takes for wildcards or cannot write into its log."""


def watched_files(path: str) -> list[str]:
    """Return the files of a scan that Snakemake can watch; empty where there are none, which `ingest` reports.

    Whatever is wrong with them is the concern of the scan's own job: nothing is raised here. Names that Snakemake
    cannot watch are left out; `ingest` reads those files too.
    """
    try:
        files: Iterable[Path] = outline(Path(path)).files if path else ()
    except Exception:  # noqa: BLE001 - a bad scan must not stop the plan of the others; its job reports it
        files = _files_at(Path(path))
    return [str(file) for file in files if _is_watchable(file)]


def _files_at(place: Path) -> Iterator[Path]:
    """Yield the file at `place`, or those in and below the folder; folders that cannot be read have none."""
    yield place
    for folder, _, names in os.walk(place):
        yield from (Path(folder, name) for name in sorted(names))


def _is_watchable(file: Path) -> bool:
    """Return whether Snakemake can watch a file, whose checksum it also takes."""
    if _UNWATCHABLE.search(str(file)):
        return False
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):
        return False
