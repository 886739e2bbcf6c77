"""The tables of an evaluation: a row for each fill, and means over people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final, cast, get_type_hints

from medpaint.core.errors import UnreadableError
from medpaint.evaluation.run import Row
from medpaint.io.tables import read_rows, write_rows

__all__ = [
    "CONFIDENCE",
    "SCORES",
    "Estimate",
    "Group",
    "SummaryRow",
    "groups",
    "read_scores",
    "summarised",
    "write_table",
]

SCORES: Final = (
    "psnr",
    "ssim",
    "ssim3d",
    "mae",
    "rmse",
    "rmse_vs_harmonic",
    "rmse_expected",
    "seam",
    "seconds",
    "peak_mb",
)
"""Columns of scores, which the summary averages."""

CONFIDENCE: Final = 0.95

Group = tuple[str, str, str]
"""Kind of hole, range of sizes, engine."""


@dataclass(frozen=True)
class Estimate:
    """A mean over people.

    Attributes:
        mean: over people, each of whom counts once, with any number of holes.
        low: lower end of the 95 % confidence interval of the mean, from Student's t; NaN for fewer than two
            people.
        high: its upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class SummaryRow:
    """One engine on one kind of hole.

    Attributes:
        kind: kind of hole.
        bin: range of sizes.
        engine: what filled them.
        people: how many people.
        holes: how many holes.
        scores: an estimate for each of `SCORES`.
    """

    kind: str
    bin: str
    engine: str
    people: int
    holes: int
    scores: Mapping[str, Estimate]

    def cells(self) -> dict[str, str | int | float]:
        """Return the columns: each mean by its score's name, and its interval as ``_low`` and ``_high``."""
        flat: dict[str, str | int | float] = {"kind": self.kind, "bin": self.bin, "engine": self.engine}
        flat |= {"people": self.people, "holes": self.holes}
        for name, estimate in self.scores.items():
            flat |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        return flat


def groups(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Return the rows by kind, range of sizes and engine, in order of first appearance."""
    found: dict[Group, list[Row]] = {}
    for row in rows:
        found.setdefault((row.kind, row.bin, row.engine), []).append(row)
    order = {key[:2]: None for key in found}
    return {key: found[key] for first in order for key in found if key[:2] == first}


def summarised(rows: Iterable[Row]) -> list[SummaryRow]:
    """Return a row for each engine on each kind of hole and range of sizes."""
    return [_summary_row(key, members) for key, members in groups(rows).items()]


def write_table(rows: Sequence[Row] | Sequence[SummaryRow], path: Path) -> None:
    """Write rows as tab-separated columns; NaN becomes an empty cell."""
    cells = [row.cells() if isinstance(row, SummaryRow) else asdict(row) for row in rows]
    columns = list(cells[0]) if cells else [field.name for field in fields(Row)]
    write_rows(path, columns, ({name: _text(value) for name, value in row.items()} for row in cells))


def read_scores(path: Path) -> list[Row]:
    """Return the rows of a table of scores.

    Raises:
        UnreadableError: the file is missing, or another table.
    """
    columns = [field.name for field in fields(Row)]
    read = read_rows(
        path, columns=columns, required=columns, what="a table of scores by evaluate", refusal=UnreadableError
    )
    return [_row(row.values, f"{path}, line {row.line}") for row in read]


def _row(values: Mapping[str, str], where: str) -> Row:
    """Return one row of a table of scores."""
    types = get_type_hints(Row)
    try:
        return Row(**cast("dict[str, Any]", {name: _value(types[name], text) for name, text in values.items()}))
    except ValueError as error:
        message = f"{where}: expected scores by evaluate, got another value ({error})"
        raise UnreadableError(message) from error


def _summary_row(key: Group, rows: Sequence[Row]) -> SummaryRow:
    """Return the summary of one group."""
    kind, size, engine = key
    by_person: dict[str, list[Row]] = {}
    for row in rows:
        by_person.setdefault(row.person, []).append(row)
    scores = {
        name: _estimate([mean(getattr(row, name) for row in own) for own in by_person.values()]) for name in SCORES
    }
    return SummaryRow(kind, size, engine, len(by_person), len(rows), scores)


def _estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per person, and its interval; NaN does not count."""
    from scipy.special import stdtrit

    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Estimate(math.nan, math.nan, math.nan)
    middle = mean(known)
    if len(known) < 2:
        return Estimate(middle, math.nan, math.nan)
    half = float(stdtrit(len(known) - 1, 0.5 + CONFIDENCE / 2.0)) * stdev(known) / math.sqrt(len(known))
    return Estimate(middle, middle - half, middle + half)


def _text(value: object) -> str:
    """Return the text of a cell: six significant digits, or nothing for NaN."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def _value(kind: type, text: str) -> str | int | float:
    """Return the value of a cell."""
    if kind is str:
        return text
    if kind is int:
        return int(text)
    return float(text) if text else math.nan
