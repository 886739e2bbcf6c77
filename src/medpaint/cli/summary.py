"""`medpaint summary`: the table of a cohort's outcomes."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from medpaint.cli.lines import print_line

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--scans", type=Path, required=True, help="table of the cohort")
    parser.add_argument(
        "--output", type=Path, required=True, help="TSV file to write, next to the folder `restored`"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Write one row for each scan, and count the outcomes."""
    from medpaint.cohort.summary import summarise

    rows = summarise(parsed.scans, parsed.output)
    counts = Counter(row["status"] for row in rows)
    if parsed.json:
        print(json.dumps({"status": "summarised", "summary": str(parsed.output), "scans": dict(counts)}))
    else:
        print_line(", ".join(f"{number} {status}" for status, number in sorted(counts.items())))
    return 0
