"""`medpaint inpaint`: the second job of a cohort run, one for each batch of scans."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters, given_parameters
from medpaint.cli.progress import progress_bar
from medpaint.cli.threads import add_threads
from medpaint.parameters import FillParameters

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="case files of ingest")
    parser.add_argument("--output", type=Path, required=True, help="folder of the fills, one for each case")
    add_threads(parser)
    add_parameters(parser, FillParameters.model_fields)


def execute(parsed: argparse.Namespace) -> int:
    """Fill the masks of the batch; a scan that fails becomes a file that says why."""
    from medpaint.cohort.jobs import inpaint_scans

    with progress_bar() as progress:
        failed = inpaint_scans(parsed.cases, given_parameters(parsed), parsed.output, progress=progress)
    for scan, reason in failed.items():
        print_line(f"{scan} failed: {reason}", to_stderr=True)
    if parsed.json:
        print(json.dumps({"status": "inpainted", "scans": len(parsed.cases), "failed": failed}))
    return 0
