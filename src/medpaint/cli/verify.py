"""`medpaint verify`: check products against their records."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.cli.lines import print_line
from medpaint.core.errors import VerificationError

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="records, products, or folders of them"
    )
    parser.add_argument(
        "--within",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="compare with scans and masks below this folder too (default: only with those below the current "
        "folder and below PATH)",
    )


def execute(parsed: argparse.Namespace) -> int:
    """Check each record; fail if one does not hold."""
    from medpaint.audit.find import find_records
    from medpaint.audit.verify import verify

    within = [Path(), *parsed.paths, *parsed.within]
    verdicts = [verify(path, within=within) for path in find_records(parsed.paths)]
    wrong = [verdict for verdict in verdicts if not verdict.holds]
    code = VerificationError.exit_code if wrong else 0
    if parsed.json:
        checked = [
            {
                "record": str(v.record),
                "status": v.status,
                "holds": v.holds,
                "problems": v.problems,
                "notes": v.notes,
            }
            for v in verdicts
        ]
        print(json.dumps({"status": "failed" if wrong else "verified", "records": checked}))
        return code
    for verdict in verdicts:
        word = "FAILED" if verdict.status == "failed" else "holds" if verdict.holds else "DOES NOT HOLD"
        print_line(f"{word}: {verdict.record} ({verdict.status})")
        for sentence in (*verdict.problems, *verdict.notes):
            print_line(f"  {sentence}")
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    also = f", {failed} of scans that failed" if failed else ""
    print_line(f"{len(verdicts) - len(wrong) - failed} of {len(verdicts)} records hold{also}")
    return code
