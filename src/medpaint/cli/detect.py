"""`medpaint detect`: damage in one scan, found and not repaired."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters, given_parameters
from medpaint.cli.threads import add_threads

if TYPE_CHECKING:
    from medpaint.detectors.base import Finding
    from medpaint.pipeline.damage import Damage

__all__ = ["configure", "execute"]

_PARAMETERS: Final = ("sensitivity", "repair", "max_fraction", "frame", "series")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "scan", type=Path, help="NIfTI, NRRD or MetaImage file, or the folder or archive of a DICOM series"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("damage"), help="folder of the mask and the table (default: damage)"
    )
    parser.add_argument("--name", help="name of the files (default: the scan's name)")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    add_threads(parser)
    add_parameters(parser, _PARAMETERS)


def execute(parsed: argparse.Namespace) -> int:
    """Look for damage, and print what was found."""
    from medpaint.parameters import Parameters
    from medpaint.pipeline.damage import find_damage

    parameters = Parameters.of(given_parameters(parsed))
    damage = find_damage(
        parsed.scan,
        parameters,
        output=None if parsed.dry_run else parsed.output,
        name=parsed.name,
        overwrite=parsed.overwrite,
    )
    if parsed.json:
        print(json.dumps(_words(damage)))
    else:
        _print(damage, parameters.mask.repair)
    return 0


def _words(damage: Damage) -> dict[str, object]:
    """Return what was found as JSON can hold it."""
    from medpaint.pipeline.damage import ml_of

    findings = [
        {
            "kind": found.kind,
            "detector": found.detector,
            "axis": found.axis,
            "slices": list(found.slices),
            "ml": ml_of(found, damage.volume),
            "score": found.score,
            "scores": list(found.scores),
            "repairable": found.repairable,
            "in_mask": found.filled,
            "why": found.why,
        }
        for found in damage.detection.findings
    ]
    return {
        "status": "damaged" if findings else "nothing found",
        "findings": findings,
        "files": [str(path) for path in damage.files],
        "warnings": list(damage.warnings),
    }


def _print(damage: Damage, repair: Sequence[str]) -> None:
    """Print what was found for people; `repair` names the detectors whose findings are in the mask."""
    from medpaint.pipeline.damage import ml_of

    findings = damage.detection.findings
    print_line(
        f"{len(findings)} {'finding' if len(findings) == 1 else 'findings'}" if findings else "nothing found"
    )
    for found in findings:
        ml = ml_of(found, damage.volume)
        print_line(f"  {found.kind}, {found.where}: {ml:.3f} ml, score {found.score:.2f}")
        print_line(f"    {found.why}")
        if not found.filled:
            print_line(f"    not in the mask: {_reason(found, damage.detection.refused, repair)}")
    for path in damage.files:
        print_line(f"  written   {path}")
    for warning in damage.warnings:
        print_line(f"  warning   {warning}")


def _reason(found: Finding, refused: str, repair: Sequence[str]) -> str:
    """Return why a finding is not in the mask."""
    if not found.repairable:
        return "filling cannot repair it"
    if found.detector in repair:
        return refused
    return f"--repair {' '.join([*repair, found.detector])} puts it there too"
