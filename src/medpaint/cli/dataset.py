"""`medpaint dataset`: the jobs of the target that makes a data set of damaged scans."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.lines import print_line
from medpaint.cli.subcommands import add_subcommand

if TYPE_CHECKING:
    from medpaint.cli.subcommands import Commands

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands; each sets ``work``, which runs it."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _configure_damage(commands)
    _configure_merge(commands)


def execute(parsed: argparse.Namespace) -> int:
    """Run the subcommand."""
    return int(parsed.work(parsed))


def _configure_damage(commands: Commands) -> None:
    """Declare the arguments of `damage`."""
    parser = add_subcommand(commands, "damage", "make the damaged copies of one scan")
    parser.add_argument("scan", type=Path, help="NIfTI, NRRD or MetaImage file of a clean scan")
    parser.add_argument("--output", type=Path, required=True, help="folder of the copies; replaced")
    parser.add_argument("--name", required=True, help="name of the scan in the data set")
    parser.add_argument("--person", default="", help="person scanned (default: that of the file's name)")
    parser.add_argument("--frame", type=int, metavar="N", help="frame of a 4D scan, counted from 0")
    parser.add_argument("--kinds", action="append", default=[], metavar="KIND", help="kind of damage; repeatable")
    parser.add_argument(
        "--severities", action="append", type=float, required=True, metavar="S", help="from 0 to 1; repeatable"
    )
    parser.add_argument("--copies", type=int, default=1, help="copies of each kind and severity (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="decides all copies (default: 0)")
    parser.set_defaults(work=_damage)


def _configure_merge(commands: Commands) -> None:
    """Declare the arguments of `merge`."""
    parser = add_subcommand(commands, "merge", "list the copies of all scans, split by person")
    parser.add_argument(
        "parts", type=Path, nargs="+", metavar="FOLDER", help="what damage has made, each of one scan"
    )
    parser.add_argument("--output", type=Path, required=True, help="the table, in a folder above the parts")
    parser.add_argument("--validation", type=float, required=True, help="share of the persons for validation")
    parser.add_argument("--test", type=float, required=True, help="share of the persons for the test")
    parser.add_argument("--seed", type=int, default=0, help="decides who is in which part (default: 0)")
    parser.set_defaults(work=_merge)


def _damage(parsed: argparse.Namespace) -> int:
    """Make the copies of one scan; return the exit code."""
    from medpaint.datasets.subjects import Subject
    from medpaint.io.naming import checked_name
    from medpaint.simulation.dataset import make_part
    from medpaint.simulation.recipe import Recipe

    recipe = Recipe(tuple(parsed.kinds), tuple(parsed.severities), parsed.copies, parsed.seed)
    subject = Subject.of(parsed.scan, scan=checked_name(parsed.name), person=parsed.person)
    made = make_part(
        parsed.output, parsed.scan, recipe, scan=subject.scan, person=subject.person, frame=parsed.frame
    )
    if parsed.json:
        print(json.dumps({"status": "damaged", "output": str(parsed.output), "copies": made}))
    else:
        print_line(f"damaged: {made} copies in {parsed.output}")
    return 0


def _merge(parsed: argparse.Namespace) -> int:
    """Write the table of the data set; return the exit code."""
    from dataclasses import asdict

    from medpaint.simulation.dataset import merge_parts

    merged = merge_parts(
        parsed.output, parsed.parts, validation=parsed.validation, test=parsed.test, seed=parsed.seed
    )
    for name, reason in merged.left_out:
        print_line(f"left out: {name}: {reason}", to_stderr=True)
    if parsed.json:
        print(json.dumps({"status": "merged", **asdict(merged)}, default=str))
        return 0
    print_line(f"data set {merged.manifest}: {merged.clean} clean scans, {merged.damaged} damaged copies")
    print_line("  persons  " + ", ".join(f"{part} {count}" for part, count in merged.persons.items()))
    return 0
