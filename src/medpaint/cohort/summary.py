"""The summary of a cohort: a row for each scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from medpaint.cohort.table import read_table
from medpaint.core.errors import UnreadableError
from medpaint.io.tables import read_rows, write_rows
from medpaint.record.entries import Record
from medpaint.record.file import RECORD_SUFFIX, read_record

__all__ = ["SUMMARY_COLUMNS", "failures", "shares", "summarise"]

SUMMARY_COLUMNS: Final = (
    "scan",
    "status",
    "engine",
    "why",
    "filled_by",
    "repaired_ml",
    "repaired_fraction",
    "seconds",
    "warnings",
    "reason",
    "restored",
    "record",
)


def summarise(table: Path, output: Path) -> list[dict[str, str]]:
    """Write a table of the outcome of each scan, in the order of the cohort's table; return its rows.

    Args:
        table: the cohort's table.
        output: the TSV file to write; ``restored`` next to it has a folder for each scan, with its record.
    """
    folder = output.parent / "restored"
    rows = [_row(row.scan, folder / row.scan, output.parent) for row in read_table(table)]
    write_rows(output, SUMMARY_COLUMNS, rows)
    return rows


def failures(summary: Path) -> dict[str, str]:
    """Return the scans that failed, with their reasons.

    Raises:
        InputError: `summary` is not a table that `summarise` wrote.
    """
    rows = read_rows(summary, columns=None, required=("scan", "status", "reason"), what="the summary of a run")
    return {row.values["scan"]: row.values["reason"] for row in rows if row.values["status"] == "failed"}


def shares(filled_by: Mapping[str, int]) -> str:
    """Describe what filled which share of a mask, such as ``unet3d 98%, biharmonic 2%``.

    A share below 1 is never rounded to 100 %, and one above 0 never to 0 %.
    """
    total = sum(filled_by.values())
    return ", ".join(f"{name} {_percent(voxels / total)}" for name, voxels in filled_by.items() if voxels)


def _percent(share: float) -> str:
    """Return a share in percent."""
    if share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1.0 else f"{share:.0%}"


def _row(scan: str, folder: Path, base: Path) -> dict[str, str]:
    """Return one row of the summary."""
    path = folder / f"{scan}{RECORD_SUFFIX}"
    row = dict.fromkeys(SUMMARY_COLUMNS, "") | {"scan": scan}
    try:
        record = read_record(path)
    except UnreadableError as error:
        return row | {"status": "failed", "reason": f"no record: {type(error.__cause__).__name__}"}
    return row | {"record": _seen_from(path, base)} | _outcome(record, folder, base)


def _outcome(record: Record, folder: Path, base: Path) -> dict[str, str]:
    """Return what a record says, by column."""
    row = {"status": record.status, "reason": record.reason, "seconds": f"{record.seconds:.2f}"}
    row["warnings"] = "; ".join(record.warnings)
    if record.inpaint is not None:
        row |= {"engine": ", ".join(record.inpaint.engines), "why": record.inpaint.why}
        row["filled_by"] = shares(record.inpaint.filled_by)
    if record.repaired is not None:
        row |= {"repaired_ml": f"{record.repaired.ml:.3f}", "repaired_fraction": f"{record.repaired.fraction:.6f}"}
    for product in record.products:
        if product.role == "restored":
            row["restored"] = _seen_from(folder / product.path, base)
    return row


def _seen_from(path: Path, base: Path) -> str:
    """Return `path` relative to `base` if it is below it."""
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
