"""`medpaint run`: Snakemake on the cohort of the working folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from signal import Signals
from typing import Final

from medpaint.cli.check import failures
from medpaint.cli.lines import print_line
from medpaint.core.errors import PartialFailureError

__all__ = ["configure", "execute"]

INTERRUPTED: Final = 128
"""A signal that ended a run is added to this for its exit code."""

SUMMARY = Path("results/summary.tsv")
CHECK_LOG = Path("results/logs/check.log")
"""Rewritten by every run that gets as far as checking for failures."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; all others are passed on to Snakemake."""
    parser.usage = "medpaint run [--json] [SNAKEMAKE OPTIONS]"
    parser.description = (
        "Restore the cohort of config/scans.tsv. Takes every option of snakemake (default: --cores all)."
    )
    parser.set_defaults(passes_on=True)


def execute(parsed: argparse.Namespace) -> int:
    """Run the workflow. Failed scans give exit code 4; a failed workflow gives Snakemake's own."""
    from medpaint.cohort.launch import run_snakemake, working_folder

    folder = working_folder(parsed.rest)
    before = _modified(folder / CHECK_LOG)
    code = run_snakemake(parsed.rest, to_stderr=parsed.json)
    if code > INTERRUPTED:
        print_line(
            f"medpaint: the run was ended by {Signals(code - INTERRUPTED).name}; run again to go on",
            to_stderr=True,
        )
    summary = folder / SUMMARY
    failed = failures(summary) if _modified(folder / CHECK_LOG) > before else {}
    if code and failed:
        message = f"{len(failed)} of the scans failed, see {summary}: {', '.join(failed)}"
        raise PartialFailureError(message)
    if parsed.json:
        status = "failed" if code else "done"
        print(json.dumps({"status": status, "summary": str(summary), "failed": failed}))
    return code


def _modified(path: Path) -> int:
    """Return when a file was last written, in ns; 0 if it does not exist."""
    return path.stat().st_mtime_ns if path.exists() else 0
