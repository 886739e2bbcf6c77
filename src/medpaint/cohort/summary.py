"""The summary of a cohort: a row for each scan."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import ValidationError

from medpaint.cohort.table import read_table
from medpaint.io.atomic import replacing
from medpaint.pipeline.write import RECORD_SUFFIX
from medpaint.record.entries import Record

__all__ = ["SUMMARY_COLUMNS", "summarise"]

SUMMARY_COLUMNS = (
    "scan",
    "status",
    "engine",
    "why",
    "repaired_ml",
    "repaired_fraction",
    "seconds",
    "warnings",
    "reason",
    "restored",
    "record",
)


def summarise(table: Path, output: Path) -> list[dict[str, str]]:
    """Write a table of what became of each scan, in the order of the cohort's table; return its rows.

    Args:
        table: the cohort's table.
        output: the TSV file to write; ``restored`` beside it holds a folder for each scan, with its record.
    """
    rows = [
        _summary_row(row.scan, output.parent / "restored" / row.scan, output.parent) for row in read_table(table)
    ]
    with replacing(output) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SUMMARY_COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _summary_row(scan: str, folder: Path, base: Path) -> dict[str, str]:
    """Return one row of the summary."""
    path = folder / f"{scan}{RECORD_SUFFIX}"
    row = dict.fromkeys(SUMMARY_COLUMNS, "")
    row |= {"scan": scan, "record": _seen_from(path, base)}
    try:
        record = Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        return row | {"status": "failed", "reason": f"no record: {type(error).__name__}", "record": ""}
    row |= {"status": record.status, "reason": record.reason, "seconds": f"{record.seconds:.2f}"}
    row |= {"warnings": "; ".join(record.warnings), "engine": record.engine.name if record.engine else ""}
    row["why"] = record.engine.reason if record.engine else ""
    if record.repaired is not None:
        row |= {"repaired_ml": f"{record.repaired.ml:.3f}", "repaired_fraction": f"{record.repaired.fraction:.6f}"}
    if record.products:
        row["restored"] = _seen_from(folder / record.products[0].path, base)
    return row


def _seen_from(path: Path, base: Path) -> str:
    """Return `path` relative to `base` where it lies below it."""
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
