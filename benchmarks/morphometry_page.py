"""The page that benchmarks/morphometry.py writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Final

from morphometry_lesions import KINDS
from morphometry_rows import BLURRED, ENGINES, GROWN, NOISY, UNFILLED, Row

__all__ = ["BRAIN_GOAL", "HOLE_GOAL", "Spread", "page_of", "spread_of"]

BRAIN_GOAL: Final = 0.1
HOLE_GOAL: Final = 2.0
"""What a fill should reach, in per cent of brain tissue and of the holes."""

CONFIDENCE: Final = 0.95

FILLS: Final = (UNFILLED, *ENGINES, GROWN, NOISY, BLURRED)
"""Lines of a table, where they were measured."""


@dataclass(frozen=True)
class Spread:
    """A median over people.

    Attributes:
        median: over people.
        low: lower end of an interval that holds the median of all people with at least 95 %, by order statistics,
            whatever the distribution; NaN for fewer than six people.
        high: its upper end.
    """

    median: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """Return the median, with its interval if it has one."""
        middle = f"{self.median:.{digits}f}"
        if math.isnan(self.low):
            return middle
        return f"{middle} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def spread_of(values: Sequence[float]) -> Spread:
    """Return the median of one value for each person, and its interval.

    The interval runs from the k-th smallest to the k-th largest value, k as large as its probability under the
    binomial distribution allows.

    Raises:
        ValueError: no values.
    """
    if not values:
        message = "expected at least one value"
        raise ValueError(message)
    ordered, count = sorted(values), len(values)
    missed, inside = 0.0, 0
    while inside < count // 2:
        missed += math.comb(count, inside) / 2.0 ** (count - 1)
        if missed > 1.0 - CONFIDENCE:
            break
        inside += 1
    if inside == 0:
        return Spread(median(ordered), math.nan, math.nan)
    return Spread(median(ordered), ordered[inside - 1], ordered[-inside])


def page_of(rows: Sequence[Row], picture: str) -> str:
    """Return the page.

    Args:
        rows: what was measured.
        picture: file name of the picture in ``docs/images``; empty if none was drawn.
    """
    kinds = [name for name in KINDS if any(row.kind == name for row in rows)]
    people = len({row.person for row in rows})
    parts = [
        INTRODUCTION.format(people=people),
        VERDICT.format(table=_verdict(rows, kinds)),
        *(_section(name, [row for row in rows if row.kind == name]) for name in kinds),
        PICTURE.format(name=picture) if picture else "",
        REPEAT,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _verdict(rows: Sequence[Row], kinds: Sequence[str]) -> str:
    """Return how many people reach the goals, as a table of fills and kinds."""
    titles = [KINDS[name].title for name in kinds]
    lines = [f"| in the holes | {' | '.join(titles)} |", "|---" * (len(kinds) + 1) + "|"]
    for fill in FILLS:
        cells = [_reached([row for row in rows if (row.kind, row.fill) == (name, fill)]) for name in kinds]
        lines.append(f"| {_name(fill)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _reached(rows: Sequence[Row]) -> str:
    """Return in how many people a fill reaches each goal."""
    if not rows:
        return ""
    brain = sum(_brain_off(row) <= BRAIN_GOAL for row in rows)
    hole = sum(_hole_off(row) <= HOLE_GOAL for row in rows)
    return f"{brain} · {hole} of {len(rows)}"


def _section(name: str, rows: Sequence[Row]) -> str:
    """Return the tables of one kind of lesions."""
    kind = KINDS[name]
    holes = [row.hole_ml for row in rows if row.fill == UNFILLED]
    shares = [100.0 * row.hole_ml / row.tissue_ml for row in rows if row.fill == UNFILLED]
    sizes = " to ".join(dict.fromkeys(f"{size:.1f}" for size in (min(holes), max(holes))))
    about = (
        f"{kind.about[0].upper()}{kind.about[1:]}. The holes are {sizes} ml, in the mean {mean(shares):.2f} % of "
        "the brain tissue."
    )
    tables = [_table(BRAIN, rows, 3), _table(HOLE, rows, 2)]
    return "\n\n".join([f"## {kind.title}", _wrapped(about), *tables])


def _table(columns: Mapping[str, Callable[[Row], float]], rows: Sequence[Row], digits: int) -> str:
    """Return medians of some columns, with so many digits, and the interval of the first."""
    lines = [f"| in the holes | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for fill in FILLS:
        own = [row for row in rows if row.fill == fill]
        if own:
            spreads = {name: spread_of([value(row) for row in own]) for name, value in columns.items()}
            cells = [_cell(name, spread, digits) for name, spread in spreads.items()]
            lines.append(f"| {_name(fill)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, spread: Spread, digits: int) -> str:
    """Return what a cell says: volumes with their sign, what is off with its interval."""
    if name in SIGNED:
        return f"{spread.median:+.{digits}f}"
    return spread.text(digits) if name.startswith("off") else f"{spread.median:.{digits}f}"


def _name(fill: str) -> str:
    """Return a fill as the page writes it: engines as code."""
    for engine in ENGINES:
        if fill == engine or fill.startswith(f"{engine},"):
            return f"`{engine}`{fill.removeprefix(engine)}"
    return fill


def _wrapped(text: str) -> str:
    """Return a paragraph in lines of the pages' length."""
    import textwrap

    return textwrap.fill(text, 120)


def _brain_off(row: Row) -> float:
    """Return the volume counted in another class in the whole brain, in per cent of the brain tissue."""
    return 100.0 * row.brain.off / row.tissue_ml


def _hole_off(row: Row) -> float:
    """Return the volume counted in another class within the holes, in per cent of them."""
    return 100.0 * row.hole.off / row.hole_ml


BRAIN: Final[Mapping[str, Callable[[Row], float]]] = {
    "off in the brain, %": _brain_off,
    "CSF": lambda row: 100.0 * row.csf / row.tissue_ml,
    "grey": lambda row: 100.0 * row.grey / row.tissue_ml,
    "white": lambda row: 100.0 * row.white / row.tissue_ml,
    "outside the holes alone": lambda row: 100.0 * (row.brain - row.hole).off / row.tissue_ml,
}

HOLE: Final[Mapping[str, Callable[[Row], float]]] = {
    "off in the holes, %": _hole_off,
    "CSF": lambda row: 100.0 * row.hole_csf / row.hole_ml,
    "grey": lambda row: 100.0 * row.hole_grey / row.hole_ml,
    "white": lambda row: 100.0 * row.hole_white / row.hole_ml,
    "voxels labelled otherwise": lambda row: 100.0 * row.relabelled,
    "error of intensities": lambda row: 100.0 * row.rmse,
}
"""Columns of the tables: caption, and value of a row in per cent."""

SIGNED: Final = ("CSF", "grey", "white")
"""Columns of differences."""


INTRODUCTION: Final = """\
# Lesion filling, measured

What lesions, and filling them, do to the volumes of tissues that a segmentation finds. [Fill lesions for
morphometry](../how-to/fill-lesions.md) says how to do it.

- **Scans**: {people} people without lesions, whose brain-extracted T1-weighted MRI (OpenNeuro ds002748) no
  shipped network was trained on. Lesions are painted into them, so the truth is known.
- **Segmentation**: three classes by dipy's `TissueClassifierHMRF` (a hidden Markov random field; Zhang et al.,
  IEEE Trans. Med. Imaging 20, 2001), each scan by itself. Volumes are sums of probabilities.
- **Off**: the volume counted in another class than in the untouched scan, half the sum of the absolute
  differences of the three volumes; in per cent of the brain tissue (grey and white matter), or of the holes.
  CSF, grey and white are this minus untouched. What changes outside the holes, where no intensity changed but
  those of soft rims, is the segmentation's answer to another histogram.
- **In the holes**: the lesions (unfilled); the fill of an engine; or, as controls, the truth with as much noise
  added as neighbouring voxels of white matter differ by, and the truth blurred by 1 mm (standard deviation). No
  engine can be expected to do better than the first, and one that returns the mean of what is likely, without
  its detail, hardly better than the second.
- **Numbers** are medians over people. The first column has an interval that holds the median of all people with
  at least 95 %, by order statistics.
"""

VERDICT: Final = """\
## Who gets there

The aim is at most 0.1 % of the brain tissue off, and at most 2 % within the holes. Each cell says in how many
people that was reached: in the brain · in the holes.

{table}

Volumes of the whole brain can be right by accident. The classes are found from the intensities of all voxels, and
lesions as dark as grey matter make the segmentation count less grey matter elsewhere, which makes up for what it
counts in them. So both have to hold.
"""

PICTURE: Final = """\
## Picture

One person. Above the scan, below its tissues: CSF dark, grey matter, white matter bright. Numbers are per cent
off in the holes, whose border is red.

![Lesions and fills of one person, with the tissues found in them](../images/{name})
"""

REPEAT: Final = """\
## Repeat it

It takes about three CPU minutes a person. DATA is laid out as in `benchmarks/engine_scans.py`; dipy is needed by
this benchmark alone.

```
pip install --group benchmarks  # pip 25.1 or newer
OMP_NUM_THREADS=1 python benchmarks/morphometry.py --data DATA --rows ROWS \\
    --output docs/reference/morphometry.md --images docs/images
```
"""
