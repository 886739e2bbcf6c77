"""`medpaint demo`: damage real scans, restore them with the workflow, and score the results."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.lines import print_line
from medpaint.core.errors import PartialFailureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medpaint.demo.scores import Score

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder of the cohort (default: demo)")
    parser.add_argument("--cores", type=int, default=2, help="processor cores to use (default: 2)")


def execute(parsed: argparse.Namespace) -> int:
    """Make the cohort, restore it, score it, and print the scores."""
    from medpaint.cohort.launch import run_snakemake
    from medpaint.demo.cohort import make_cohort
    from medpaint.demo.scores import score_cohort

    print_line("making a cohort of damaged scans ...", to_stderr=True)
    make_cohort(parsed.output)
    options = ["--directory", str(parsed.output), "--cores", str(parsed.cores)]
    code = run_snakemake(options, to_stderr=True)
    if code:
        message = f"expected the workflow to finish, but it failed: see {parsed.output / 'results' / 'logs'}"
        raise PartialFailureError(message)
    print_line("scoring against the undamaged scans ...", to_stderr=True)
    scores = score_cohort(parsed.output)
    if parsed.json:
        rows = [{key: _finite(value) for key, value in dataclasses.asdict(score).items()} for score in scores]
        print(json.dumps({"status": "done", "scans": rows}, allow_nan=False))
    else:
        _print(scores, parsed.output)
    return 0


def _finite(value: object) -> object:
    """Return `value`, or None for numbers that JSON lacks."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(scores: Sequence[Score], output: Path) -> None:
    """Print the scores as a table."""
    print_line()
    print_line(f"{'':<73} {'PSNR in the mask, dB':^34}")
    head = f"{'scan':<14} {'what':<40} {'ml':>7} {'engine':<10}"
    print_line(f"{head} {'damaged':>7} {'smooth':>7} {'exemplar':>8} {'restored':>8}  outside the mask")
    for score in scores:
        kept = "identical" if score.identical else "CHANGED"
        decibels = f"{score.damaged_psnr_db:>7.1f} {score.smooth_psnr_db:>7.1f} {score.exemplar_psnr_db:>8.1f}"
        numbers = f"{score.repaired_ml:>7.2f} {score.engine:<10} {decibels} {score.psnr_db:>8.1f}"
        print_line(f"{score.scan:<14} {score.what:<40} {numbers}  {kept}")
    print_line()
    print_line("smooth and exemplar are the fills of the best engines without weights, for comparison")
    print_line()
    print_line(f"restored scans  {output / 'results' / 'restored'}")
    print_line(f"summary         {output / 'results' / 'summary.tsv'}")
    print_line(f"pictures        {output / 'pictures'}")
    print_line(f"check them      medpaint verify {output / 'results'}")
