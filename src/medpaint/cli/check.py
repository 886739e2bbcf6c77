"""`medpaint check`: the exit code of a cohort run."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from medpaint.core.errors import InputError, PartialFailureError

__all__ = ["configure", "execute", "failures"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("summary", type=Path, help="table that `summary` wrote")


def execute(parsed: argparse.Namespace) -> int:
    """Fail if scans failed, and name them."""
    failed = failures(parsed.summary)
    if failed:
        listed = "; ".join(f"{scan}: {reason}" for scan, reason in failed.items())
        message = f"{len(failed)} of the scans failed: {listed}"
        raise PartialFailureError(message)
    if parsed.json:
        print(json.dumps({"status": "checked", "failed": {}}))
    return 0


def failures(summary: Path) -> dict[str, str]:
    """Return the scans that failed, with their reasons."""
    try:
        with summary.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{summary}: expected the table that summary wrote: {error}"
        raise InputError(message) from error
    if rows and not {"scan", "status", "reason"} <= set(rows[0]):
        message = f"{summary}: expected the table that summary wrote, got columns {', '.join(map(str, rows[0]))}"
        raise InputError(message)
    return {row["scan"]: row["reason"] for row in rows if row["status"] == "failed"}
