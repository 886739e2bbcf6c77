"""The files whose change redoes a scan."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from medpaint.cohort.table import ScanRow
from medpaint.core.errors import MedpaintError
from medpaint.core.plain_yaml import plain_yaml
from medpaint.io.private import read_secret
from medpaint.io.reading import outline
from medpaint.io.regular import regular_bytes

__all__ = ["keyed_hash", "network_files", "state_of", "watched_files"]

_LARGEST_DESCRIPTION: Final = 1 << 20
"""Size of the largest description of a network that is read, in bytes."""

_UNWATCHABLE: Final = re.compile(r"[{}\x00-\x1f\x7f\ud800-\udfff]")
"""Characters in names that Snakemake takes for wildcards or cannot write into its log."""


def watched_files(path: str) -> list[str]:
    """Return the files of a scan that Snakemake can watch; empty where there are none, which `ingest` reports.

    Whatever is wrong with them is the concern of the scan's own job: nothing is raised here. Names that Snakemake
    cannot watch are left out; `ingest` reads those files too.
    """
    return [str(file) for file in _all_files(path) if _is_watchable(file)]


def network_files(description: str) -> list[str]:
    """Return the files that a description of a network names; none if it is unreadable, which its job reports."""
    if not description:
        return []
    path = Path(description)
    try:
        values = plain_yaml(regular_bytes(path, _LARGEST_DESCRIPTION), path)
    except (OSError, MedpaintError):
        return []
    named = values if isinstance(values, dict) else {}
    files = [path.parent / str(named["weights"])] if named.get("weights") else []
    if named.get("bundle"):
        bundle = path.parent / str(named["bundle"])
        files += [*sorted(bundle.glob("configs/inference.*")), bundle / "models" / "model.safetensors"]
    return [str(file) for file in files if _is_watchable(file)]


def state_of(row: ScanRow, secret_file: str) -> str:
    """Return a text that changes when a row, or a file of its scan or mask, does, and that reveals neither.

    It is a keyed hash of the row and of the names, sizes and times of the files. Without a readable secret the
    scan fails, and the text is always the same.
    """
    files = [_stamp(Path(file)) for path in (row.image, row.mask) for file in _all_files(path)]
    return keyed_hash([row.model_dump(), files], secret_file)


def keyed_hash(content: object, secret_file: str) -> str:
    """Return a hash of plain values that reveals nothing without the secret in a file; without one, a constant."""
    try:
        secret = read_secret(Path(secret_file))
    except MedpaintError:
        return "no secret"
    return hmac.new(secret, json.dumps(content).encode(), hashlib.sha256).hexdigest()


def _all_files(path: str) -> Iterable[Path]:
    """Return the files of a scan, whatever they are called."""
    try:
        return outline(Path(path)).files if path else ()
    except Exception:  # noqa: BLE001 - a bad scan must not stop the plan of the others; its job reports it
        return _files_at(Path(path))


def _stamp(file: Path) -> tuple[str, int, int]:
    """Return name, size and time of a file; of one that is not there, its name."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return str(file), -1, -1
    return str(file), status.st_size, status.st_mtime_ns


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
