"""`medpaint corrupt`: one scan, damaged on purpose."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.lines import print_line
from medpaint.core.errors import UsageError

if TYPE_CHECKING:
    from medpaint.simulation.places import Place
    from medpaint.simulation.record import DamageRecord

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Damage a clean scan on purpose, and write the damaged scan, the true mask and a record."
    parser.add_argument("scan", type=Path, nargs="?", help="NIfTI, NRRD or MetaImage file of a clean scan")
    parser.add_argument("--list", action="store_true", help="list the kinds of damage, and do nothing else")
    parser.add_argument("--kind", help="kind of damage, such as dropout")
    parser.add_argument(
        "--severity", type=float, default=0.5, help="from 0, barely visible, to 1, gross (default: 0.5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides the rest, such as the place (default: 0)")
    parser.add_argument(
        "--output", type=Path, default=Path("damaged"), help="folder of the products (default: damaged)"
    )
    parser.add_argument("--name", help="name of the products (default: the scan's name)")
    parser.add_argument("--frame", type=int, metavar="N", help="frame of a 4D scan, counted from 0")
    parser.add_argument("--overwrite", action="store_true", help="replace existing products")


def execute(parsed: argparse.Namespace) -> int:
    """Damage the scan and print where it is, or list the kinds."""
    from medpaint.corrupt.artefacts.table import find_artefact

    if parsed.list:
        return _list(as_json=parsed.json)
    if parsed.scan is None or parsed.kind is None:
        message = "expected a scan and --kind, or --list, which shows the kinds"
        raise UsageError(message)
    artefact = find_artefact(parsed.kind)
    from medpaint.simulation.scan import damage_file

    record, place = damage_file(
        parsed.scan,
        artefact,
        parsed.severity,
        parsed.seed,
        output=parsed.output,
        name=parsed.name,
        frame=parsed.frame,
        overwrite=parsed.overwrite,
    )
    _print(record, place, as_json=parsed.json)
    return 0


def _list(*, as_json: bool) -> int:
    """List the kinds of damage; return the exit code."""
    from medpaint.corrupt.artefacts.table import ARTEFACTS

    if as_json:
        kinds = [
            {
                "name": row.name,
                "scans": row.scans,
                "reach": row.reach,
                "summary": row.summary,
                "severity": row.severity,
            }
            for row in ARTEFACTS.values()
        ]
        print(json.dumps({"status": "listed", "kinds": kinds}))
        return 0
    for row in ARTEFACTS.values():
        print_line(f"{row.name:<11} {row.scans:<4} {row.summary}")
        print_line(f"{'':<16} severity 0 to 1: {row.severity}")
    return 0


def _print(record: DamageRecord, place: Place, *, as_json: bool) -> None:
    """Print what was done."""
    damage = record.damage
    if as_json:
        paths = {"damaged": place.damaged, "truth": place.truth, "record": place.record}
        print(json.dumps({"status": "damaged", **{name: str(path) for name, path in paths.items()}, **damage}))
        return
    print_line(f"damaged: {damage['kind']} of severity {damage['severity']}, {damage['ml']:.3f} ml")
    for name, path in (("damaged", place.damaged), ("truth", place.truth), ("record", place.record)):
        print_line(f"  {name:<9} {path}")
    if damage["reach"] != "mask":
        print_line(f"  {damage['changed_outside_mask']} voxels outside the mask have changed too")
