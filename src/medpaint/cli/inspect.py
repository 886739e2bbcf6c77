"""`medpaint inspect`: what is in a file or folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder to search")


def execute(parsed: argparse.Namespace) -> int:
    """List every image and series with its grid, and whether it can be restored."""
    from medpaint.cli.progress import progress_bar
    from medpaint.io.inspection import inspect

    with progress_bar() as progress:
        findings = inspect(parsed.path, progress=progress)
    if parsed.json:
        images = [
            {
                "path": str(found.path),
                "kind": found.kind,
                "name": found.name,
                "shape": list(found.shape),
                "spacing_mm": list(found.spacing_mm),
                "dtype": found.dtype,
                "modality": found.modality,
                "axes": found.axes,
                "restorable": found.restorable,
                "reason": found.reason,
                "facts": dict(found.facts),
                "warnings": list(found.warnings),
            }
            for found in findings
        ]
        print(json.dumps({"status": "inspected", "images": images}))
        return 0
    for found in findings:
        grid = "x".join(map(str, found.shape))
        spacing = "x".join(f"{size:.3g}" for size in found.spacing_mm)
        print(f"{found.path}")
        if found.series:
            print(f"  series    {found.series}")
        print(f"  {found.kind:<9} {found.modality or '-'}  {grid or '?'} voxels of {spacing or '?'} mm", end="  ")
        print(*(word for word in (found.axes, found.dtype, found.facts.get("unit")) if word), sep="  ")
        print(f"  {'can be restored' if found.restorable else f'cannot be restored: {found.reason}'}")
        for warning in found.warnings:
            print(f"  warning: {warning}")
    restorable = sum(found.restorable for found in findings)
    print(f"{restorable} of {len(findings)} can be restored")
    return 0
