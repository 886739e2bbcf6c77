"""`medpaint ingest`: the first job of a cohort run, one for each scan."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from medpaint.cli.options import add_parameters, given_parameters
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
    add_parameters(parser, (*Selection.model_fields, *MaskParameters.model_fields))


def execute(parsed: argparse.Namespace) -> int:
    """Read the scan into a case file; a scan that is refused becomes a case file that says why."""
    from medpaint.cohort.jobs import ingest_scan

    parameters = Parameters.of(given_parameters(parsed))
    reason = ingest_scan(parsed.image, parsed.mask, parameters, parsed.output, fetched=parsed.fetched)
    if reason:
        print(f"failed: {reason}", file=sys.stderr)
    if parsed.json:
        print(
            json.dumps(
                {"status": "failed" if reason else "ingested", "reason": reason, "case": str(parsed.output)}
            )
        )
    return 0
