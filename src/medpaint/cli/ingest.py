"""`medpaint ingest`: the first job of a cohort run, one for each scan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters, add_row, given_parameters, row_given
from medpaint.io.selection import Selection
from medpaint.parameters import MaskParameters, Parameters

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", type=Path, help="the scan")
    parser.add_argument("--mask", type=Path, help="its mask; without one, damage is detected")
    parser.add_argument("--output", type=Path, required=True, help="case file to write")
    parser.add_argument(
        "--fetched",
        type=Path,
        metavar="JSON",
        help="outcome of `pacs fetch --status`; a scan that was not fetched has failed",
    )
    parser.add_argument("--refusal", metavar="REASON", default="", help="the scan has failed for this reason")
    parser.add_argument(
        "--timeout-s",
        type=float,
        metavar="S",
        help="seconds after which the scan has failed; it is then read in a process of its own, whose crash is a "
        "failure of the scan too (default: no limit)",
    )
    add_row(parser)
    add_parameters(parser, (*Selection.model_fields, *MaskParameters.model_fields))


def execute(parsed: argparse.Namespace) -> int:
    """Read the scan into a case file; a scan that is refused becomes a case file that says why."""
    if parsed.timeout_s is None:
        return _ingest(parsed)
    from medpaint.cli.main import guarded
    from medpaint.cohort.apart import Crashed, TimedOut, done_apart

    try:
        return done_apart(lambda: guarded(parsed, _ingest), parsed.timeout_s)
    except TimedOut:
        reason = (
            f"reading it and its mask took more than {parsed.timeout_s:g} s: allow more with ingest_timeout_s in "
            "config/config.yaml, or look at its storage"
        )
    except Crashed as crash:
        reason = f"a decoder crashed over the scan or its mask ({crash}): a file is damaged; convert or replace it"
    parsed.refusal = reason
    return _ingest(parsed)


def _ingest(parsed: argparse.Namespace) -> int:
    """Read the scan and print the outcome."""
    from medpaint.cohort.jobs import ingest_scan
    from medpaint.cohort.table import OF_FILES

    row = row_given(parsed)
    image, mask, given = parsed.image, parsed.mask, given_parameters(parsed)
    if row is not None:
        image = Path(row.image) if row.image else image
        mask = Path(row.mask) if row.mask else None
        given |= {name: row.settings[name] for name in OF_FILES if name in row.settings}
    reason = ingest_scan(
        image,
        mask,
        Parameters.of(given),
        parsed.output,
        fetched=parsed.fetched,
        refusal=parsed.refusal,
        withhold=row is not None,
    )
    if reason:
        print_line(f"failed: {reason}", to_stderr=True)
    if parsed.json:
        print(
            json.dumps(
                {"status": "failed" if reason else "ingested", "reason": reason, "case": str(parsed.output)}
            )
        )
    return 0
