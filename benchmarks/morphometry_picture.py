"""The picture of benchmarks/morphometry.py: the scan and its tissues, before and after filling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from morphometry_lesions import KINDS
from morphometry_rows import ENGINES, UNFILLED, UNTOUCHED, Case
from sheets import SheetRow, draw_sheet

from medpaint.core.volume import Volume

__all__ = ["NAME", "draw"]

NAME: Final = "morphometry"
"""Name of the picture's file, without ending."""


def draw(cases: Sequence[Case], path: Path) -> None:
    """Draw a slice of each kind of lesions of one person as a PNG: intensities above, tissues below."""
    truth = next(case for case in cases if case.row.fill == UNTOUCHED)
    rows = []
    for name, kind in KINDS.items():
        own = {case.row.fill: case for case in cases if case.row.kind == name}
        if own:
            shown = {UNTOUCHED: truth} | {fill: own[fill] for fill in (UNFILLED, *ENGINES)}
            mask = own[UNFILLED].mask
            scans = {fill: case.volume for fill, case in shown.items()}
            rows.append(SheetRow(kind.title, truth.volume, mask, scans, _notes(shown)))
            labels = {fill: _grey(case.labels) for fill, case in shown.items()}
            rows.append(SheetRow("tissues", labels[UNTOUCHED], mask, labels, {}))
    draw_sheet(rows, path)


def _grey(labels: Volume) -> Volume:
    """Return labels as greys: black background, white matter brightest."""
    return replace(labels, data=labels.data * 80)


def _notes(shown: dict[str, Case]) -> dict[str, str]:
    """Return what stands below the titles: volume counted in another class, in per cent of the hole."""
    return {
        fill: f"{100.0 * case.row.hole.off / case.row.hole_ml:.1f} %"
        for fill, case in shown.items()
        if case.row.hole_ml > 0.0
    }
