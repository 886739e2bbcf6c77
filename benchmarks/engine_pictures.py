"""Pictures of benchmarks/engines.py: sheets of cases, one row for each case and one column for each engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from engine_rows import Measured, title_of
from engine_scans import Group, clean_of
from sheets import SheetRow, draw_sheet

from medpaint.engines.choice import AUTO
from medpaint.evaluation.hole import hole_in
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row

__all__ = ["Sheet", "draw", "sheets_of"]

LEARNED: Final = "unet3d"
"""Engine whose best, median and worst case are drawn."""

WORST: Final = 6
"""Number of holes on the sheet of those in which the default did worst."""


@dataclass(frozen=True, eq=False)
class Case:
    """One hole on a sheet.

    Attributes:
        title: text next to it.
        group: its scans.
        rows: its fills.
    """

    title: str
    group: Group
    rows: Sequence[Row]


@dataclass(frozen=True, eq=False)
class Sheet:
    """One picture.

    Attributes:
        name: of the file, without ending.
        about: what it shows, for the page.
        cases: its rows.
    """

    name: str
    about: str
    cases: Sequence[Case]


def sheets_of(found: Mapping[Group, Measured], plan: Plan) -> list[Sheet]:
    """Return the sheets that have cases."""
    groups = {group: measured.rows for group, measured in found.items() if measured.rows}
    first = next(iter(groups), None)
    slices = next(kind for kind in plan.kinds if kind.unit == "slices")
    lesion = next(kind for kind in plan.kinds if kind.name == "lesion")
    sheets = []
    if first is not None:
        own = [_median(title_of(kind), first, groups[first], kind) for kind in plan.kinds]
        sheets.append(
            Sheet("engines-brains", f"{first.title}: {', '.join(map(title_of, plan.kinds))}", _cases(own))
        )
        of_range = _range_of(first, groups[first])
        about = f"{first.title}: best, median and worst lesion-shaped hole by the error of `{LEARNED}`"
        sheets.append(Sheet("engines-range", about, of_range))
    for sheet, about in (("heads", "Heads and other brains"), ("others", "Limbs and trunk")):
        own = [_median(group.title, group, rows, lesion) for group, rows in groups.items() if group.sheet == sheet]
        sheets.append(Sheet(f"engines-{sheet}", f"{about}: a lesion-shaped hole of 8 to 15 ml", _cases(own)))
    lost = [_median(group.title, group, rows, slices) for group, rows in groups.items()]
    sheets.append(Sheet("engines-slices", "Lost slices in each kind of scan", _cases(lost)))
    about = "The holes, one in each kind of scan at most, in which the default did worst against the best engine"
    sheets.append(Sheet("engines-worst", about, _worst(groups)))
    return [sheet for sheet in sheets if sheet.cases]


def draw(sheets: Sequence[Sheet], plan: Plan, data: Path, folder: Path) -> None:
    """Fill the holes of the sheets once more, and write the sheets as PNG files."""
    for sheet in sheets:
        draw_sheet([_sheet_row(case, plan, data) for case in sheet.cases], folder / f"{sheet.name}.png")


def _sheet_row(case: Case, plan: Plan, data: Path) -> SheetRow:
    """Return one hole, filled by every engine."""
    first = case.rows[0]
    kind = next(kind for kind in plan.kinds if (kind.name, kind.bin) == (first.kind, first.bin))
    scan = next(scan for scan in case.group.scans if scan.name == first.scan)
    hole = hole_in(clean_of(scan, data), kind, first.hole, seed=plan.seed, shapes=plan.shapes)
    columns = {"truth": hole.truth}
    columns |= {row.engine: hole.restored(plan.fill(row.engine)).volume for row in case.rows}
    notes = {row.engine: f"{row.psnr:.1f} dB" for row in case.rows} | {"truth": f"{first.hole_ml:.1f} ml"}
    return SheetRow(case.title, hole.truth, hole.reference.mask, columns, notes)


def _holes(rows: Sequence[Row], kind: HoleKind | None = None) -> list[list[Row]]:
    """Return the rows hole by hole, of one kind or all."""
    holes: dict[tuple[str, str, str, int], list[Row]] = {}
    for row in rows:
        if kind is None or (row.kind, row.bin) == (kind.name, kind.bin):
            holes.setdefault((row.scan, row.kind, row.bin, row.hole), []).append(row)
    return list(holes.values())


def _median(title: str, group: Group, rows: Sequence[Row], kind: HoleKind) -> Case | None:
    """Return the hole whose PSNR, averaged over the engines, is the median one; None without holes."""
    ordered = sorted(_holes(rows, kind), key=lambda hole: mean(row.psnr for row in hole))
    return Case(title, group, ordered[(len(ordered) - 1) // 2]) if ordered else None


def _cases(cases: Sequence[Case | None]) -> list[Case]:
    """Return the cases that there are."""
    return [case for case in cases if case is not None]


def _range_of(group: Group, rows: Sequence[Row]) -> list[Case]:
    """Return the best, the median and the worst lesion-shaped hole of the learned engine, by its error."""
    errors = [
        (row.rmse_vs_harmonic, hole)
        for hole in _holes(rows)
        for row in hole
        if row.engine == LEARNED and row.kind == "lesion"
    ]
    ordered = [hole for _, hole in sorted(errors, key=lambda pair: pair[0])]
    if len(ordered) < 3:
        return []
    picked = {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]}
    return [Case(title, group, hole) for title, hole in picked.items()]


def _worst(groups: Mapping[Group, Sequence[Row]]) -> list[Case]:
    """Return the holes in which the default did worst against the best engine, one a group at most."""
    ranked = []
    for group, rows in groups.items():
        ratios = [(_to_best(hole), hole) for hole in _holes(rows)]
        ratio, hole = max(ratios, key=lambda pair: pair[0])
        ranked.append((ratio, Case(f"{group.title}, x {ratio:.2f}", group, hole)))
    ranked.sort(key=lambda pair: -pair[0])
    return [case for ratio, case in ranked[:WORST] if ratio > 1.0]


def _to_best(hole: Sequence[Row]) -> float:
    """Return the default's error in a hole, divided by the least of the others'; 0 without both."""
    errors = {row.engine: row.rmse for row in hole}
    default = errors.pop(AUTO, 0.0)
    least = min(errors.values(), default=0.0)
    return default / least if least else 0.0
