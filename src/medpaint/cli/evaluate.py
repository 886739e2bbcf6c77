"""`medpaint evaluate`: score engines on holes in clean scans, and merge such evaluations."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters
from medpaint.cli.progress import progress_bar
from medpaint.cli.threads import add_threads
from medpaint.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from medpaint.datasets.subjects import LeftOut, Subject
    from medpaint.evaluation.folder import Evaluation

__all__ = ["configure", "execute"]

MERGE: Final = "merge"
"""First word of the call that merges evaluations; a folder of that name is given as ./merge."""

ONE_SCAN: Final = ("name", "person", "avoid", "series", "frame")
"""Options about a single scan."""

SCORING: Final = (
    "engines",
    "kinds",
    "holes",
    "seed",
    "effort",
    "network",
    "membrane",
    "lesions",
    "exclude",
    *ONE_SCAN,
    "threads",
    "part",
)
"""Options that have no meaning for a merge. They are absent unless given."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Make holes in clean scans, fill them with each engine, and score the fills. "
        "`medpaint evaluate merge FOLDER ... --output FOLDER` makes one evaluation of several."
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="clean scans, folders of them, or tables (.tsv) of them; after merge, folders of evaluations",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of tables, plots and pictures")
    scoring = parser.add_argument_group("scoring", argument_default=argparse.SUPPRESS)
    scoring.add_argument(
        "--engines",
        nargs="+",
        action="extend",
        metavar="ENGINE",
        help="what to compare (default: all; monai needs --network)",
    )
    scoring.add_argument(
        "--kinds",
        nargs="+",
        action="extend",
        metavar="KIND[:SIZES]",
        help="holes, such as blob:8-15 (default: all kinds)",
    )
    scoring.add_argument(
        "--holes", type=int, metavar="N", help="number of holes of each kind in a scan (default: 1)"
    )
    scoring.add_argument("--seed", type=int, help="decides the holes (default: 0)")
    add_parameters(parser, ["effort", "network"])
    scoring.add_argument("--membrane", action="store_true", help="close the gap at the border of each fill")
    scoring.add_argument(
        "--lesions", type=Path, metavar="FOLDER", help="masks that give the kind lesion its shapes"
    )
    scoring.add_argument(
        "--exclude", type=Path, metavar="MANIFEST", help="JSON list of persons and hashes not to score"
    )
    add_threads(scoring)
    scoring.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    single = parser.add_argument_group("a single scan", argument_default=argparse.SUPPRESS)
    single.add_argument("--name", help="its name in the tables")
    single.add_argument("--person", help="person scanned")
    single.add_argument("--avoid", type=Path, metavar="MASK", help="mask of unhealthy tissue, which is not scored")
    single.add_argument("--series", help="series (UID), for a folder that holds several")
    single.add_argument("--frame", type=int, help="frame of a 4D scan, from 0")


def execute(parsed: argparse.Namespace) -> int:
    """Evaluate or merge, write the folder, and print the results."""
    evaluation = _merged(parsed) if parsed.paths[0] == MERGE else _evaluated(parsed)
    for one in evaluation.left_out:
        print_line(f"left out: {one.path}, {one.what}: {one.reason}", to_stderr=True)
    if not evaluation.rows and not hasattr(parsed, "part"):
        reasons = "; ".join(dict.fromkeys(one.reason for one in evaluation.left_out)) or "no scan was found"
        message = f"expected scans to score, got none: {reasons}"
        raise InputError(message)
    if parsed.json:
        print(json.dumps(_as_json(evaluation, parsed.output)))
    else:
        _print(evaluation, parsed.output)
    return 0


def _merged(parsed: argparse.Namespace) -> Evaluation:
    """Make one evaluation of several."""
    from medpaint.evaluation.merge import merge_into

    given = [f"--{name}" for name in SCORING if hasattr(parsed, name)]
    parts = [Path(path) for path in parsed.paths[1:]]
    if given or not parts:
        message = (
            "expected medpaint evaluate merge with folders of evaluations and --output only, "
            f"got {', '.join(given) or 'no folder'}; a scan or folder called merge is given as ./merge"
        )
        raise UsageError(message)
    return merge_into(parsed.output, parts)


def _evaluated(parsed: argparse.Namespace) -> Evaluation:
    """Score the scans."""
    from medpaint.datasets.lesion_shapes import LesionFolder
    from medpaint.datasets.manifest import read_manifest
    from medpaint.engines.choice import FOREIGN
    from medpaint.engines.registry import ready_engines
    from medpaint.evaluation.folder import evaluate_into
    from medpaint.evaluation.kinds import hole_kinds
    from medpaint.evaluation.plan import Plan

    given = {name: getattr(parsed, name) for name in SCORING if hasattr(parsed, name)}
    holes, seed = given.get("holes", 1), given.get("seed", 0)
    if holes < 1 or seed < 0:
        message = f"expected at least one hole and a seed from 0, got --holes {holes} and --seed {seed}"
        raise UsageError(message)
    network = given.get("network", "")
    every = (*ready_engines(), *((FOREIGN,) if network else ()))
    shapes = LesionFolder(given["lesions"]) if "lesions" in given else ()
    plan = Plan(
        engines=tuple(given.get("engines", every)),
        kinds=hole_kinds(given.get("kinds", ()), shapes),
        holes=holes,
        seed=seed,
        shapes=shapes,
        membrane="membrane" in given,
        effort=given.get("effort", "fast"),
        network=network,
        excluded=read_manifest(given["exclude"]) if "exclude" in given else frozenset(),
    )
    paths = [Path(path) for path in parsed.paths]
    subjects = list(_subjects(paths, {name: given[name] for name in ONE_SCAN if name in given}))
    lesions = shapes.paths if isinstance(shapes, LesionFolder) else ()
    with progress_bar() as progress:
        return evaluate_into(parsed.output, subjects, plan, lesions=lesions, progress=progress)


def _subjects(paths: list[Path], given: dict[str, Any]) -> Iterator[Subject | LeftOut]:
    """Yield the scans; a single one with what the options say about it."""
    from medpaint.datasets.subjects import Subject, find_subjects

    if not given:
        yield from find_subjects(paths)
        return
    if len(paths) != 1 or paths[0].suffix.lower() == ".tsv":
        message = f"expected one scan with --{', --'.join(given)}, got several paths or a table"
        raise UsageError(message)
    plain = Subject.of(paths[0], scan=given.pop("name", ""), person=given.pop("person", ""))
    yield replace(plain, **given)


def _as_json(evaluation: Evaluation, output: Path) -> dict[str, object]:
    """Return the evaluation as a JSON object; null stands for numbers that JSON lacks."""
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
    """Print the summary as a table."""
    head = f"{'hole':<24} {'engine':<14} {'people':>6}  {'PSNR dB (95 % interval)':<24}"
    print_line(f"{head} {'SSIM':>6} {'error/harmonic':>15} {'seam':>6} {'s':>7} {'MB':>6}")
    for row in evaluation.summary:
        psnr = row.scores["psnr"]
        interval = "" if math.isnan(psnr.low) else f" ({psnr.low:.1f} to {psnr.high:.1f})"
        hole, decibels = f"{row.kind} {row.bin}", f"{psnr.mean:.1f}{interval}"
        ssim, relative, seam, seconds, peak = (
            row.scores[name].mean for name in ("ssim", "rmse_vs_harmonic", "seam", "seconds", "peak_mb")
        )
        print_line(
            f"{hole:<24} {row.engine:<14} {row.people:>6}  {decibels:<24} "
            f"{ssim:>6.3f} {relative:>15.3f} {seam:>6.2f} {seconds:>7.2f} {peak:>6.0f}"
        )
    print_line()
    print_line(f"each fill {output / 'scores.tsv'}")
    print_line(f"summary   {output / 'summary.tsv'}")
