"""Whether the default engine does as well as the best one: ratios of errors, for each cell of scans and holes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose, isfinite
from statistics import mean, median
from typing import Final

from engine_rows import Measured, title_of
from engine_scans import Group

from medpaint.engines.choice import AUTO
from medpaint.engines.registry import ENGINES
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import summarised

__all__ = ["Cell", "cell_table", "cells_of", "expectations", "scan_ratios", "verdict"]

LINEAR: Final = "linear"
"""Engine that draws a straight line across lost slices."""

SAME: Final = 1e-4
"""Errors that differ by a smaller share are of the same fill: tables have six digits."""

CLOSE: Final = 1.5
"""Factor within which an error to expect counts as right."""

Named = tuple[str, float]
"""An engine and its error."""


@dataclass(frozen=True)
class Cell:
    """One kind of hole in one group of scans. Errors are RMSE relative to `harmonic`, as means over people.

    Attributes:
        group: heading of the scans.
        hole: title of the kind.
        people: how many people.
        holes: how many holes.
        default: error of `auto`.
        best: engine with the least error.
        best_plain: the same among those without weights.
        linear: error of `linear`; None for other holes than lost slices, and where it was not measured.
        taken: engines whose fill was that of `auto`, and in how many holes.
    """

    group: str
    hole: str
    people: int
    holes: int
    default: float
    best: Named
    best_plain: Named
    linear: float | None
    taken: Mapping[str, int]

    @property
    def to_best(self) -> float:
        """Error of the default divided by that of the best engine."""
        return self.default / self.best[1]

    @property
    def to_plain(self) -> float:
        """Error of the default divided by that of the best engine without weights."""
        return self.default / self.best_plain[1]

    @property
    def to_linear(self) -> float | None:
        """Error of the default divided by that of `linear`."""
        return self.default / self.linear if self.linear else None


def cells_of(found: Mapping[Group, Measured], plan: Plan) -> list[Cell]:
    """Return the cells in which the default and another engine were measured."""
    cells = []
    for group, measured in found.items():
        for kind in plan.kinds:
            rows = [row for row in measured.rows if (row.kind, row.bin) == (kind.name, kind.bin)]
            cell = _cell(group.title, kind, rows)
            if cell is not None:
                cells.append(cell)
    return cells


def _cell(group: str, kind: HoleKind, rows: Sequence[Row]) -> Cell | None:
    """Return the cell of some rows; None without the default, or without an engine that filled the same holes."""
    summary = {one.engine: one for one in summarised(rows)}
    default = summary.pop(AUTO, None)
    if default is None:
        return None
    errors = {
        name: summary[name].scores["rmse_vs_harmonic"].mean
        for name in ENGINES
        if name in summary and summary[name].holes == default.holes
    }
    plain = {name: error for name, error in errors.items() if not ENGINES[name].weights_sha256}
    error = default.scores["rmse_vs_harmonic"].mean
    if not plain or not isfinite(error) or not all(errors.values()):
        return None
    linear = errors.get(LINEAR) if kind.unit == "slices" else None
    return Cell(
        group,
        title_of(kind),
        default.people,
        default.holes,
        error,
        _least(errors),
        _least(plain),
        linear,
        _taken(rows),
    )


def _least(errors: Mapping[str, float]) -> Named:
    """Return the engine with the least error; of those with the same fill, the first of the table."""
    least = min(errors.values())
    return next((name, error) for name, error in errors.items() if isclose(error, least, rel_tol=SAME))


def _taken(rows: Iterable[Row]) -> dict[str, int]:
    """Return how often the fill of `auto` was that of which engine, the most frequent first."""
    holes: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        holes.setdefault((row.scan, row.hole), []).append(row)
    counts: Counter[str] = Counter()
    for own in holes.values():
        default = next((row for row in own if row.engine == AUTO), None)
        if default is not None:
            counts[_same_fill(default, own)] += 1
    return dict(counts.most_common())


def _same_fill(default: Row, rows: Iterable[Row]) -> str:
    """Return the engine, first of the table, whose fill of a hole has the default's error."""
    by_engine = {row.engine: row for row in rows}
    for name in ENGINES:
        if name in by_engine and isclose(by_engine[name].rmse, default.rmse, rel_tol=SAME):
            return name
    return "another"


def scan_ratios(found: Mapping[Group, Measured]) -> dict[str, float]:
    """Return for each scan the default's error in lost slices, divided by that of `linear`, as far as measured."""
    ratios = {}
    for measured in found.values():
        lost = [row for row in measured.rows if row.kind == "slices"]
        for scan in dict.fromkeys(row.scan for row in lost):
            errors = {
                name: {row.hole: row.rmse_vs_harmonic for row in lost if (row.scan, row.engine) == (scan, name)}
                for name in (AUTO, LINEAR)
            }
            holes = errors[AUTO].keys() & errors[LINEAR].keys()
            if holes:
                ratios[scan] = mean(errors[AUTO][hole] for hole in holes) / mean(
                    errors[LINEAR][hole] for hole in holes
                )
    return ratios


def expectations(found: Mapping[Group, Measured]) -> list[float]:
    """Return the error that each scan said to expect, divided by the true one, for each hole filled by `auto`."""
    rows = (row for measured in found.values() for row in measured.rows if row.engine == AUTO)
    return [row.rmse_expected / row.rmse for row in rows if isfinite(row.rmse_expected) and row.rmse > 0.0]


def verdict(cells: Sequence[Cell], by_scan: Mapping[str, float], expected: Sequence[float]) -> str:
    """Return the summary as a list for the page.

    Args:
        cells: errors of engines by scans and holes.
        by_scan: the default's error in lost slices, divided by that of `linear`.
        expected: the errors to expect, divided by the true ones.
    """
    lines = [_ratio_line("the best engine", {_name(cell): cell.to_best for cell in cells})]
    lines.append(_ratio_line("the best engine without weights", {_name(cell): cell.to_plain for cell in cells}))
    if by_scan:
        lines.append(_ratio_line("`linear` in lost slices, by scan", by_scan, (0.02,)))
    if expected:
        near = sum(1.0 / CLOSE < ratio < CLOSE for ratio in expected)
        middle = median(expected)
        lines.append(
            f"- **Error to expect, divided by the true one**: median {middle:.2f}; within a factor of {CLOSE:g} "
            f"in {near} of {len(expected)} holes."
        )
    return "\n".join(lines)


def _name(cell: Cell) -> str:
    """Return how the summary calls a cell."""
    return f"{cell.group}, {cell.hole}"


def _ratio_line(what: str, ratios: Mapping[str, float], limits: Sequence[float] = (0.03, 0.05)) -> str:
    """Return the mean and the largest of some ratios, and how many lie above each limit."""
    worst = max(ratios, key=lambda name: ratios[name])
    above = ", ".join(
        f"{sum(ratio > 1.0 + limit for ratio in ratios.values())} of {len(ratios)} above {limit:.0%}"
        for limit in limits
    )
    return (
        f"- **Against {what}**: mean {mean(ratios.values()):.3f}, largest {ratios[worst]:.3f} ({worst}); {above}."
    )


def _taken_text(cell: Cell) -> str:
    return ", ".join(
        f"`{name}`" if count == cell.holes else f"`{name}` {count}" for name, count in cell.taken.items()
    )


COLUMNS: Final[Mapping[str, Callable[[Cell], str]]] = {
    "scans": lambda cell: cell.group,
    "hole": lambda cell: cell.hole,
    "people · holes": lambda cell: f"{cell.people} · {cell.holes}",
    "error of `auto`": lambda cell: f"{cell.default:.3f}",
    "`auto` took": _taken_text,
    "best engine": lambda cell: f"`{cell.best[0]}` {cell.best[1]:.3f}",
    "`auto` / best": lambda cell: f"{cell.to_best:.3f}",
    "best without weights": lambda cell: f"`{cell.best_plain[0]}` {cell.best_plain[1]:.3f}",
    "`auto` / that": lambda cell: f"{cell.to_plain:.3f}",
    "`auto` / `linear`": lambda cell: "" if cell.to_linear is None else f"{cell.to_linear:.3f}",
}
"""Columns of the table of cells: caption, and text of a cell's value."""


def cell_table(cells: Sequence[Cell]) -> str:
    """Return the cells as a table, without columns that would be empty."""
    texts = {caption: [text(cell) for cell in cells] for caption, text in COLUMNS.items()}
    texts = {caption: column for caption, column in texts.items() if any(column)}
    lines = [f"| {' | '.join(texts)} |", "|---" * len(texts) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in zip(*texts.values(), strict=True)]
    return "\n".join(lines)
