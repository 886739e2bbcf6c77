"""Batches of scans that are filled alike, one `inpaint` job each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from medpaint.cohort.config import CohortConfig
from medpaint.cohort.table import ScanRow
from medpaint.parameters import FillParameters

__all__ = ["batches_of", "fill_of"]

_FILL: Final = tuple(FillParameters.model_fields)

_OF_ENGINE: Final = ("weights", "network")
"""Parameters that one engine has and another does not."""


def fill_of(row: ScanRow, config: CohortConfig) -> dict[str, Any]:
    """Return the parameters that fill a scan, by name: those of its row, or else the configured ones.

    The configured weights or network belong to the configured engine; a row with another one does not get them.
    """
    fill = {name: row.settings.get(name, getattr(config.restore, name)) for name in _FILL}
    if fill["engine"] != config.restore.engine:
        fill |= {name: "" for name in _OF_ENGINE if name not in row.settings}
    return fill


def batches_of(rows: Iterable[ScanRow], config: CohortConfig) -> dict[str, tuple[str, ...]]:
    """Return the scans of each batch by its name: all filled alike, in the order of the table."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(_group(row, config), []).append(row.scan)
    size = config.batch_size
    return {
        f"{group}-{start // size:04d}": tuple(scans[start : start + size])
        for group, scans in groups.items()
        for start in range(0, len(scans), size)
    }


def _group(row: ScanRow, config: CohortConfig) -> str:
    """Return the name that scans filled alike have in common: their engine, and a hash where a row gives more."""
    fill = fill_of(row, config)
    alike = fill_of(row.model_copy(update={"settings": {"engine": fill["engine"]}}), config)
    if fill == alike:
        return str(fill["engine"])
    digest = hashlib.sha256(json.dumps(fill, sort_keys=True).encode()).hexdigest()
    return f"{fill['engine']}-{digest[:8]}"
