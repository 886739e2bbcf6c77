"""One evaluation made of several, which were run on different scans."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.datasets.subjects import LeftOut
from medpaint.evaluation.folder import PICTURES, RECORD, SCORES, Evaluation, write_evaluation
from medpaint.evaluation.pictures import gather_medians
from medpaint.evaluation.tables import read_scores

__all__ = ["merge_into"]

SAME: Final = ("engines", "kinds", "holes", "seed", "membrane", "effort", "network_sha256", "shapes", "software")
"""Entries of the record in which the parts must agree."""


def merge_into(folder: Path, parts: Sequence[Path]) -> Evaluation:
    """Make one evaluation of several, which differ only in their scans.

    Args:
        folder: created if missing.
        parts: folders that `medpaint.evaluation.folder.evaluate_into` wrote.

    Raises:
        InputError: a part is not the folder of an evaluation, or a scan is in two of them.
        UsageError: the parts were made in different ways.
    """
    records = [_read_record(part) for part in parts]
    for part, record in zip(parts, records, strict=True):
        different = [name for name in SAME if record.get(name) != records[0].get(name)]
        if different:
            message = (
                f"expected parts made alike, got different {', '.join(different)} in {parts[0]} and {part}; "
                "run them with the same options and version"
            )
            raise UsageError(message)
    rows_of = {part: read_scores(part / SCORES) for part in dict.fromkeys(parts)}
    rows = [row for part in parts for row in rows_of[part]]
    seen = {(row.scan, row.sha256, row.kind, row.bin, row.hole, row.engine) for row in rows}
    if len(seen) < len(rows):
        message = f"expected each scan in one part only, got {len(rows) - len(seen)} scores twice"
        raise InputError(message)
    left_out = [LeftOut(**item) for record in records for item in record["left_out"]]
    shared = {name: records[0][name] for name in SAME}
    excluded = sorted({name for record in records for name in record["excluded"]})
    evaluation = write_evaluation(folder, rows, left_out, {**shared, "excluded": excluded})
    gather_medians(folder / PICTURES, rows, {part / PICTURES: own for part, own in rows_of.items()})
    return evaluation


def _read_record(part: Path) -> dict[str, Any]:
    """Return the record of a part."""
    path = part / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: expected the record of an evaluation: {type(error).__name__}"
        raise UnreadableError(message) from error
    if not isinstance(record, dict) or not {*SAME, "left_out", "excluded"} <= set(record):
        message = f"{path}: expected the record of an evaluation, got another JSON file"
        raise UnreadableError(message)
    return record
