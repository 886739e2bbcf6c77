r"""Measure what lesions and their filling do to tissue volumes, and write the tables and the picture as a page.

    pip install --group benchmarks
    python benchmarks/morphometry.py --data FOLDER --rows ROWS \
        --output docs/reference/morphometry.md --images docs/images

FOLDER is laid out as in benchmarks/engine_scans.py. Rows are written to the folder ROWS person by person, and
people who are there already are not measured again; --only measures some, so that several processes can share the
work. A picture that is there already is not drawn again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from engine_scans import Scan, clean_of, groups_named
from morphometry_lesions import KINDS, Shapes, parts_of
from morphometry_page import page_of
from morphometry_picture import NAME, draw
from morphometry_rows import Case, Row, cases, read, told, write

from medpaint.datasets.lesion_shapes import LesionFolder

SCLEROSIS: Final = "lesion-masks/ms-mni"
STROKE: Final = "lesion-masks/stroke-lesymap"

SCANS: Final = (
    *groups_named(["t1w-brain"])[0].scans,
    groups_named(["t1w-brain-0-87-mm"])[0].scans[0],
)
"""People on whom no shipped network was trained: seven at 1 mm, and one as published."""

SEED: Final = 0


def main() -> None:
    """Measure, draw and write."""
    arguments = _arguments()
    scans = _scans(arguments.only)
    shapes = _shapes(arguments.data)
    picture = arguments.images / f"{NAME}.png" if arguments.images else None
    rows: list[Row] = []
    for number, scan in enumerate(scans):
        path = arguments.rows / f"{scan.name}.tsv"
        own = read(path)
        to_draw = picture if number == 0 and picture is not None and not picture.exists() else None
        if not own or to_draw is not None:
            measured = list(_measured(scan, arguments.kinds, arguments.data, shapes))
            own = [case.row for case in measured]
            write(own, path)
            if to_draw is not None:
                draw(measured, to_draw)
        rows += own
    page = page_of(rows, picture.name if picture else "")
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    parser.add_argument("--rows", type=Path, required=True, help="folder that keeps what is measured")
    names = ", ".join(scan.name for scan in SCANS)
    parser.add_argument("--only", nargs="+", default=[], metavar="SCAN", help=f"only some of the scans: {names}")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), help="kinds of lesions")
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    parser.add_argument(
        "--images", type=Path, help="folder of the picture, which is drawn of the first scan if it is missing"
    )
    return parser.parse_args()


def _scans(names: Sequence[str]) -> list[Scan]:
    """Return the scans of these names, or all of them without names.

    Raises:
        SystemExit: an unknown name.
    """
    known = {scan.name: scan for scan in SCANS}
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"expected scans among {', '.join(known)}, got {', '.join(unknown)}"
        raise SystemExit(message)
    return [known[name] for name in names] or list(SCANS)


def _shapes(data: Path) -> Shapes:
    """Return the shapes of real lesions."""
    sclerosis = [part for shape in LesionFolder(data / SCLEROSIS) for part in parts_of(shape)]
    return Shapes(sclerosis, LesionFolder(data / STROKE))


def _measured(scan: Scan, kinds: Sequence[str], data: Path, shapes: Shapes) -> Iterator[Case]:
    """Yield the cases of one person."""
    for case in cases(clean_of(scan, data), kinds, shapes, SEED):
        if case.row.hole_ml > 0.0:
            print(told(case.row), file=sys.stderr, flush=True)
        yield case


if __name__ == "__main__":
    main()
