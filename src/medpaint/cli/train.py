"""`medpaint train`: a network from a recipe and a folder of scans."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.lines import print_line
from medpaint.cli.progress import progress_bar

if TYPE_CHECKING:
    from medpaint.training.scans import Skipped
    from medpaint.training.train import Paired, Trained

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("recipe", type=Path, help="what to train, such as config/train/smoke.yaml")
    parser.add_argument("--data", type=Path, default=Path(), help="folder that its paths start from (default: .)")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the training; an interrupted one is resumed"
    )
    parser.add_argument("--accelerator", default="auto", help="cpu, cuda or auto (default: auto)")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="number of devices (default: 1)")
    parser.add_argument(
        "--start", type=Path, metavar="WEIGHTS", help="weights of the same network to start from (default: random)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes that make pairs (default: one per core)"
    )
    parser.add_argument(
        "--pairs-only", action="store_true", help="make the pairs, or the missing ones, and do not train yet"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Train, and print the outcome."""
    from medpaint.training.recipe import read_recipe
    from medpaint.training.train import pair, train

    recipe = read_recipe(parsed.recipe)
    with progress_bar() as progress:
        if parsed.pairs_only:
            made = pair(recipe, parsed.data, parsed.output, workers=parsed.workers, progress=progress)
            return _print_pairs(made, as_json=parsed.json)
        trained = train(
            recipe,
            parsed.data,
            parsed.output,
            accelerator=parsed.accelerator,
            devices=parsed.devices,
            start=parsed.start,
            workers=parsed.workers,
            progress=progress,
        )
    return 0 if trained is None else _print_outcome(trained, as_json=parsed.json)


def _print_pairs(made: Paired, *, as_json: bool) -> int:
    """Print what pairs there are; return the exit code."""
    _print_skipped(made.skipped)
    if as_json:
        print(json.dumps({"status": "paired", **asdict(made)}, default=str))
        return 0
    print_line(f"pairs    {made.folder}")
    print_line(f"  {made.cases} damaged scans for training, {made.validation_cases} for validation")
    return 0


def _print_skipped(skipped: tuple[Skipped, ...]) -> None:
    """List what could not be used."""
    for one in skipped:
        print_line(f"skipped: {one.path}: {one.reason}", to_stderr=True)


def _print_outcome(trained: Trained, *, as_json: bool) -> int:
    """Print the outcome of a training; return the exit code."""
    _print_skipped(trained.skipped)
    if as_json:
        print(json.dumps({"status": "trained", **asdict(trained)}, default=str))
        return 0
    print_line(f"weights  {trained.weights}  (best after {trained.steps} steps)")
    print_line(f"record   {trained.record}")
    for name, score in trained.scores.items():
        print_line(f"  {name:<24} error {score:.3f} of the first fill's")
    if trained.skipped:
        print_line(f"  {len(trained.skipped)} files or cases skipped")
    return 0
