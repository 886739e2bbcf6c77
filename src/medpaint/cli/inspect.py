"""`medpaint inspect`: what is in a file or folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medpaint.io.inspected import Inspection, Pixels

from medpaint.cli.lines import print_line

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder to search")
    parser.add_argument(
        "--deep",
        action="store_true",
        help="read the voxels of every image too, which finds what only restoring it would (default: headers "
        "only, unless PATH is an image file)",
    )


def execute(parsed: argparse.Namespace) -> int:
    """List every image and series with its grid, and whether it can be restored."""
    from medpaint.cli.progress import progress_bar
    from medpaint.io.inspection import inspect

    with progress_bar() as progress:
        findings = inspect(parsed.path, deep=parsed.deep, progress=progress)
    if parsed.json:
        print(json.dumps({"status": "inspected", "images": [_words(found) for found in findings]}))
    else:
        _print(findings)
    return 0


def _words(found: Inspection) -> dict[str, Any]:
    """Return an inspection as JSON can hold it."""
    return {
        "path": str(found.path),
        "kind": found.kind,
        "name": found.name,
        "shape": list(found.shape),
        "spacing_mm": list(found.spacing_mm),
        "dtype": found.dtype,
        "modality": found.modality,
        "axes": found.axes,
        "is_mask": found.is_mask,
        "restorable": found.restorable,
        "reason": found.reason,
        "facts": dict(found.facts),
        "warnings": list(found.warnings),
        "pixels": asdict(found.pixels) if found.pixels else None,
    }


def _print(findings: Sequence[Inspection]) -> None:
    """Print what was found for people."""
    for found in findings:
        grid = "x".join(map(str, found.shape))
        spacing = "x".join(f"{size:.3g}" for size in found.spacing_mm)
        print_line(f"{found.path}")
        if found.series:
            print_line(f"  series    {found.name}")
        words = (found.axes, found.dtype, str(found.facts.get("unit", "")))
        print_line(
            f"  {found.kind:<9} {found.modality or '-'}  {grid or '?'} voxels of {spacing or '?'} mm"
            f"  {'  '.join(filter(None, words))}"
        )
        if found.pixels:
            print_line(f"  {_range(found.pixels)}")
        print_line(f"  {_verdict(found)}")
        for warning in found.warnings:
            print_line(f"  warning: {warning}")
    scans = [found for found in findings if not found.is_mask]
    masks = len(findings) - len(scans)
    total = f"{sum(found.restorable for found in scans)} of {len(scans)} can be restored"
    if masks:
        total += f", {masks} {'mask' if masks == 1 else 'masks'}"
    if any(found.restorable and found.pixels is None for found in findings):
        total += " (headers only: --deep reads the voxels too)"
    print_line(total)


def _verdict(found: Inspection) -> str:
    """Return whether an image can be restored, in words."""
    if found.is_mask:
        return found.reason or "a mask, not a scan"
    return "can be restored" if found.restorable else f"cannot be restored: {found.reason}"


def _range(pixels: Pixels) -> str:
    """Return what the voxels are, in words."""
    words = "no intensities" if pixels.lowest is None else f"intensities {pixels.lowest:g} to {pixels.highest:g}"
    extra = {"not finite": pixels.non_finite, "padding": pixels.padding}
    return ", ".join([words, *(f"{count} voxels {what}" for what, count in extra.items() if count)])
