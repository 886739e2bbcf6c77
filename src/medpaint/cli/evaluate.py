"""`medpaint evaluate`: how good fills are, on holes in clean scans."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.options import add_parameters, given_parameters
from medpaint.cli.progress import progress_bar
from medpaint.core.errors import InputError, UsageError
from medpaint.parameters import checked

if TYPE_CHECKING:
    from medpaint.datasets.subjects import LeftOut, Subject
    from medpaint.evaluation.folder import Evaluation

__all__ = ["configure", "execute"]

ONE_SCAN = ("name", "person", "avoid", "series", "frame")
"""Options that say something of a single scan."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Make holes in clean scans, fill them with each engine, and score the fills."
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="clean scans, folders of them, or a table (.tsv) of them",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of tables, plots and pictures")
    parser.add_argument(
        "--engines",
        nargs="+",
        metavar="ENGINE",
        help="what to compare (default: all but auto, which is one of them)",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=[],
        metavar="KIND[:SIZES]",
        help="holes, such as blob:8-15 (default: all kinds)",
    )
    parser.add_argument(
        "--holes", type=int, default=1, metavar="N", help="holes of each kind in a scan (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides the holes (default: 0)")
    add_parameters(parser, ["effort"])
    parser.add_argument("--membrane", action="store_true", help="close the gap at the border of each fill")
    parser.add_argument("--lesions", type=Path, metavar="FOLDER", help="masks whose shapes the kind lesion takes")
    parser.add_argument(
        "--exclude", type=Path, metavar="MANIFEST", help="JSON list of persons and hashes not to score"
    )
    parser.add_argument("--name", help="what to call the scan (one scan only)")
    parser.add_argument("--person", help="whose it is (one scan only)")
    parser.add_argument("--avoid", type=Path, metavar="MASK", help="what is not healthy in it (one scan only)")
    parser.add_argument("--series", help="which series (UID) of the folder (one scan only)")
    parser.add_argument("--frame", type=int, help="which frame of a 4D scan, from 0 (one scan only)")
    parser.add_argument("--part", action="store_true", help="a part of a larger evaluation: no score is no error")
    parser.add_argument(
        "--merge", action="store_true", help="the paths are folders of evaluations: make one of them"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Evaluate or merge, write the folder, and say what came of it."""
    evaluation = _merged(parsed) if parsed.merge else _evaluated(parsed)
    for one in evaluation.left_out:
        print(f"left out: {one.path}, {one.what}: {one.reason}", file=sys.stderr)
    if not evaluation.rows and not parsed.part:
        reasons = "; ".join(dict.fromkeys(one.reason for one in evaluation.left_out)) or "there was no scan"
        message = f"expected scans to score, got none: {reasons}"
        raise InputError(message)
    if parsed.json:
        print(json.dumps(_told(evaluation, parsed.output)))
    else:
        _print(evaluation, parsed.output)
    return 0


def _evaluated(parsed: argparse.Namespace) -> Evaluation:
    """Score the scans."""
    from medpaint.datasets.lesion_shapes import LesionFolder
    from medpaint.datasets.manifest import read_manifest
    from medpaint.datasets.subjects import find_subjects
    from medpaint.engines.choice import AUTO
    from medpaint.engines.registry import engine_names
    from medpaint.evaluation.folder import evaluate_into
    from medpaint.evaluation.kinds import hole_kinds
    from medpaint.evaluation.run import Plan

    if parsed.holes < 1 or parsed.seed < 0:
        message = f"expected at least one hole and a seed from 0, got {parsed.holes} and {parsed.seed}"
        raise UsageError(message)
    shapes = LesionFolder(parsed.lesions) if parsed.lesions else ()
    plan = Plan(
        engines=tuple(parsed.engines or (name for name in engine_names() if name != AUTO)),
        kinds=hole_kinds(parsed.kinds, shapes),
        holes=parsed.holes,
        seed=parsed.seed,
        shapes=shapes,
        membrane=parsed.membrane,
        effort=checked(given_parameters(parsed)).effort,
        excluded=read_manifest(parsed.exclude) if parsed.exclude else frozenset(),
    )
    subjects = list(_subjects(parsed, find_subjects(parsed.paths)))
    lesions = shapes.paths if isinstance(shapes, LesionFolder) else ()
    with progress_bar() as progress:
        return evaluate_into(parsed.output, subjects, plan, lesions=lesions, progress=progress)


def _subjects(parsed: argparse.Namespace, found: Iterator[Subject | LeftOut]) -> Iterator[Subject | LeftOut]:
    """Yield the scans, the only one with what the options say of it."""
    from medpaint.datasets.subjects import Subject

    given = {name: getattr(parsed, name) for name in ONE_SCAN if getattr(parsed, name) is not None}
    if not given:
        yield from found
        return
    if len(parsed.paths) != 1 or parsed.paths[0].suffix.lower() == ".tsv":
        message = f"expected one scan with --{', --'.join(given)}, got several paths or a table"
        raise UsageError(message)
    path = parsed.paths[0]
    plain = Subject.of(path, scan=given.pop("name", ""), person=given.pop("person", ""))
    yield replace(plain, **given)


def _merged(parsed: argparse.Namespace) -> Evaluation:
    """Make one evaluation of several."""
    from medpaint.evaluation.folder import merge_into

    return merge_into(parsed.output, parsed.paths)


def _told(evaluation: Evaluation, output: Path) -> dict[str, object]:
    """Return the evaluation as JSON holds it."""
    rows = [row.cells() for row in evaluation.summary]
    finite = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    return {
        "status": "evaluated",
        "output": str(output),
        "fills": len(evaluation.rows),
        "summary": finite,
        "left_out": [asdict(one) for one in evaluation.left_out],
    }


def _print(evaluation: Evaluation, output: Path) -> None:
    """Say it to a person."""
    head = f"{'hole':<24} {'engine':<14} {'people':>6}  {'PSNR dB (95 % interval)':<24}"
    print(f"{head} {'SSIM':>6} {'error/harmonic':>15} {'seam':>6} {'s':>7} {'MB':>6}")
    for row in evaluation.summary:
        psnr = row.scores["psnr"]
        interval = "" if math.isnan(psnr.low) else f" ({psnr.low:.1f} to {psnr.high:.1f})"
        hole, decibels = f"{row.kind} {row.bin}", f"{psnr.mean:.1f}{interval}"
        ssim, relative, seam, seconds, peak = (
            row.scores[name].mean for name in ("ssim", "rmse_vs_harmonic", "seam", "seconds", "peak_mb")
        )
        print(f"{hole:<24} {row.engine:<14} {row.people:>6}  {decibels:<24}", end=" ")
        print(f"{ssim:>6.3f} {relative:>15.3f} {seam:>6.2f} {seconds:>7.2f} {peak:>6.0f}")
    print(f"\neach fill {output / 'scores.tsv'}\nsummary   {output / 'summary.tsv'}")
