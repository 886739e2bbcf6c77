"""`medpaint check`: the exit code of a cohort run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.core.errors import InputError, PartialFailureError
from medpaint.io.tables import read_rows

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
    """Return the scans that failed, with their reasons.

    Raises:
        InputError: the file cannot be read, or is not a summary.
    """
    columns = ("scan", "status", "reason")
    rows = read_rows(summary, columns=None, required=columns, what="the summary of a cohort", refusal=InputError)
    return {row.values["scan"]: row.values["reason"] for row in rows if row.values["status"] == "failed"}
