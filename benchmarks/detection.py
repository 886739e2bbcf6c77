"""Measure what detection finds in damaged scans and reports in clean ones, and write the tables as a page.

    python benchmarks/detection.py --data FOLDER --rows ROWS.jsonl --output docs/reference/detection-measured.md

FOLDER is laid out as in benchmarks/detection_scans.py. Every clean scan is looked at as it is. Scans of people on
whom results are reported, up to --people of each group, are also damaged by all of `medpaint.corrupt.artefacts`.

Rows are kept in ROWS.jsonl as they come, and what is there is not measured again.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from detection_page import page_of
from detection_rows import CLEAN, RowFile, measured
from detection_scans import Scan, scans_of

from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.detectors.base import SENSITIVITIES

SEVERITIES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    """Measure and write."""
    arguments = _arguments()
    rows = RowFile(arguments.rows)
    known: set[object] = {row.key for row in rows.rows}
    clean = [(CLEAN, 0.0, 0)]
    artefacts = [
        (kind, severity, seed)
        for kind in arguments.kinds
        for severity in arguments.severities
        for seed in range(arguments.seeds)
    ]
    scans = [] if arguments.page_only else list(scans_of(arguments.data))
    scans = [scan for scan in scans if not arguments.only or scan.group in arguments.only]
    damaged = _damaged(scans, arguments.people)
    for scan in scans:
        plan = (clean if arguments.clean else []) + (artefacts if scan in damaged else [])
        for row in measured(scan, arguments.data, plan, arguments.sensitivity, known):
            rows.add(row)
            print(row.scan, row.kind, row.severity, row.hit, "of", row.damaged, file=sys.stderr, flush=True)
    page = page_of(rows.rows)
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    parser.add_argument("--rows", type=Path, required=True, help="file that keeps what is measured")
    parser.add_argument("--people", type=int, default=2, help="scans of each group to damage, of different people")
    parser.add_argument("--only", nargs="+", default=[], metavar="GROUP", help="only scans of these groups")
    parser.add_argument("--seeds", type=int, default=1, help="scans with each kind and severity of damage")
    parser.add_argument("--severities", type=float, nargs="+", default=SEVERITIES)
    parser.add_argument("--kinds", nargs="+", default=list(ARTEFACTS), choices=list(ARTEFACTS))
    parser.add_argument("--sensitivity", default="normal", choices=SENSITIVITIES)
    parser.add_argument("--no-clean", dest="clean", action="store_false", help="leave the clean scans out")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, write what --rows has")
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    return parser.parse_args()


def _damaged(scans: list[Scan], people: int) -> set[Scan]:
    """Return the scans to damage: the first of so many reported people of each group; no DICOM series."""
    chosen: dict[str, dict[str, Scan]] = defaultdict(dict)
    for scan in scans:
        if scan.is_reported and scan.series is None and len(chosen[scan.group]) < people:
            chosen[scan.group].setdefault(scan.person, scan)
    return {scan for group in chosen.values() for scan in group.values()}


if __name__ == "__main__":
    main()
