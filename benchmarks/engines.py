"""Measure every engine on holes in real scans of held-out people, and write the tables and pictures as a page.

    python benchmarks/engines.py --data FOLDER --output docs/reference/engines-measured.md --images docs/images

FOLDER is laid out as in benchmarks/engine_scans.py. The engines are those of the registry, and `auto`.

All of it takes hours: with --rows, rows are written to a folder as they come, and what is there is not measured
again. Groups of scans can be measured one by one or side by side (--only GROUP, with the same --rows), and a last
call without --only writes the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine_page import page_of
from engine_pictures import draw, sheets_of
from engine_rows import KINDS, Measured, RowFile, expected_seconds, measure, unmeasured
from engine_scans import GROUPS, Group, groups_named

from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.engines.choice import AUTO, choice_names
from medpaint.engines.registry import ready_engines
from medpaint.evaluation.kinds import hole_kinds
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.tables import write_table
from medpaint.evaluation.warmup import WarmUp

LESIONS: Final = "lesion-masks/stroke-lesymap"


def main() -> None:
    """Measure, draw and write."""
    arguments = _arguments()
    plan = _plan(arguments.data, arguments.engines, arguments.holes)
    files = {group: _row_file(group, arguments.rows) for group in groups_named(arguments.only)}
    if not arguments.page_only:
        minutes = expected_seconds(files, plan) / 60.0
        print(
            f"about {minutes / 60.0:.1f} hours ({minutes:.0f} min) on two quiet cores", file=sys.stderr, flush=True
        )
    found = _measured(files, plan, arguments)
    sheets = sheets_of(found, plan) if arguments.images else []
    page = page_of(found, plan, sheets)
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")
    if arguments.scores:
        write_table([row for measured in found.values() for row in measured.rows], arguments.scores)
    if arguments.images:
        draw(sheets, plan, arguments.data, arguments.images)


def _arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    parser.add_argument("--holes", type=int, default=1, help="holes of each kind in a scan")
    every = [*ready_engines(), AUTO]
    parser.add_argument(
        "--engines", nargs="+", default=every, help="what to measure, separated by spaces or commas (default: all)"
    )
    names = ", ".join(group.name for group in GROUPS)
    parser.add_argument("--only", nargs="+", default=[], metavar="GROUP", help=f"only some of the scans: {names}")
    parser.add_argument("--rows", type=Path, help="folder that keeps what is measured, and where it goes on")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, write what --rows has")
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    parser.add_argument("--images", type=Path, help="folder of the pictures to draw")
    parser.add_argument("--scores", type=Path, help="table of every fill to write, .tsv, for benchmarks/cards.py")
    return parser.parse_args()


def _plan(data: Path, words: Sequence[str], holes: int) -> Plan:
    """Return what is measured.

    Raises:
        SystemExit: an unknown engine.
    """
    engines = tuple(name for word in words for name in word.split(",") if name)
    unknown = sorted(set(engines) - set(choice_names()))
    if unknown:
        message = f"expected engines among {', '.join(choice_names())}, got {', '.join(unknown)}"
        raise SystemExit(message)
    shapes = LesionFolder(data / LESIONS)
    return Plan(engines, hole_kinds(list(KINDS), shapes), holes, 0, shapes)


def _row_file(group: Group, folder: Path | None) -> RowFile:
    """Return the rows of a group that are there already."""
    return RowFile(folder / f"{group.name}.tsv" if folder else None)


def _measured(files: dict[Group, RowFile], plan: Plan, arguments: argparse.Namespace) -> dict[Group, Measured]:
    """Return the rows of every group, measured where they are missing unless only the page is wanted."""
    if arguments.page_only:
        return {group: unmeasured(group, plan, file) for group, file in files.items()}
    warm_up = WarmUp()
    for name in plan.engines:
        warm_up.asked(plan.fill(name))
    return {group: measure(group, plan, arguments.data, file, warm_up) for group, file in files.items()}


if __name__ == "__main__":
    main()
