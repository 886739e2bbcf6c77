"""The page that benchmarks/engines.py writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Final

from engine_pictures import Sheet
from engine_rows import Measured, engines_for, title_of
from engine_scans import Group, trained_on
from engine_verdict import cell_table, cells_of, expectations, scan_ratios, verdict

from medpaint.datasets.subjects import LeftOut
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import Estimate, SummaryRow, summarised

__all__ = ["page_of"]


def page_of(found: Mapping[Group, Measured], plan: Plan, sheets: Sequence[Sheet]) -> str:
    """Return the page.

    Args:
        found: what was measured.
        plan: holes and engines.
        sheets: the pictures, which the page links in ``docs/images``.
    """
    hours = sum(row.seconds for measured in found.values() for row in measured.rows) / 3600.0
    parts = [
        INTRODUCTION.format(holes=plan.holes),
        _default_section(found, plan),
        *(_section(group, measured, plan) for group, measured in found.items() if measured.rows),
        COSTS.format(costs=_cost_table(found, plan)),
        _left_out_section([one for measured in found.values() for one in measured.left_out]),
        _picture_section(sheets),
        REPEAT.format(holes=plan.holes, hours=f"{max(hours, 0.1):.1f}"),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _default_section(found: Mapping[Group, Measured], plan: Plan) -> str:
    """Return how the default compares with the other engines; nothing if it was not measured."""
    cells = cells_of(found, plan)
    if not cells:
        return ""
    return DEFAULT.format(verdict=verdict(cells, scan_ratios(found), expectations(found)), table=cell_table(cells))


def _section(group: Group, measured: Measured, plan: Plan) -> str:
    """Return the tables of one group."""
    summary = {(row.engine, row.kind, row.bin): row for row in summarised(measured.rows)}

    def table(caption: str, text: Callable[[SummaryRow], str]) -> str:
        lines = [f"| {caption} | {' | '.join(map(title_of, plan.kinds))} |", "|---" * (len(plan.kinds) + 1) + "|"]
        for engine in plan.engines:
            cells = [summary.get((engine, kind.name, kind.bin)) for kind in plan.kinds]
            lines.append(f"| `{engine}` | " + " | ".join(text(cell) if cell else "" for cell in cells) + " |")
        return "\n".join(lines)

    scores = table("PSNR, dB", lambda row: _with_interval(row.scores["psnr"]))
    others = table("SSIM · error / harmonic · seam", _similarity)
    return f"### {group.title}\n\n{_about(group, measured.rows)}\n\n{scores}\n\n{others}"


def _about(group: Group, rows: Sequence[Row]) -> str:
    """Return what the scans are, of how many people, and which of them a shipped network has seen."""
    people, scans = len({row.person for row in rows}), len({row.scan for row in rows})
    seen = sorted({row.scan for row in rows if row.sha256 in trained_on()})
    count = f"{_counted(scans, 'scan', 'scans')} of {_counted(people, 'person', 'people')}"
    text = f"{group.about[0].upper()}{group.about[1:]}; {count}."
    if seen:
        text += f" The shipped networks, whose scores may be too good here, saw {', '.join(seen)} in training."
    return text


def _counted(number: int, one: str, several: str) -> str:
    """Return a number of things in words."""
    return f"{number} {one if number == 1 else several}"


def _with_interval(estimate: Estimate) -> str:
    """Return a mean, with its interval if it has one."""
    if math.isnan(estimate.low):
        return f"{estimate.mean:.1f}"
    return f"{estimate.mean:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"


def _similarity(row: SummaryRow) -> str:
    """Return the other scores of one cell."""
    ssim, relative, seam = (row.scores[name].mean for name in ("ssim", "rmse_vs_harmonic", "seam"))
    return f"{ssim:.3f} · {relative:.2f} · {seam:.2f}"


def _cost_table(found: Mapping[Group, Measured], plan: Plan) -> str:
    """Return seconds and memory as a table, over all scans."""
    rows = [row for measured in found.values() for row in measured.rows]
    lines = [f"| seconds · MB | {' | '.join(map(title_of, plan.kinds))} |", "|---" * (len(plan.kinds) + 1) + "|"]
    for engine in plan.engines:
        cells = []
        for kind in plan.kinds:
            own = [row for row in rows if (row.engine, row.kind, row.bin) == (engine, kind.name, kind.bin)]
            filled = own if engine in engines_for(kind, plan.engines) else []
            costs = (mean(row.seconds for row in filled), mean(row.peak_mb for row in filled)) if filled else None
            cells.append(f"{costs[0]:.2f} · {costs[1]:.0f}" if costs else "")
        lines.append(f"| `{engine}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _left_out_section(left_out: Sequence[LeftOut]) -> str:
    """Return what was not measured, and in how many holes; nothing if everything was."""
    if not left_out:
        return ""
    counts = Counter((one.path, one.what, one.reason) for one in left_out)
    lines = [
        f"- {path}, {what}{f' in {count} holes' if count > 1 else ''}: {reason}"
        for (path, what, reason), count in counts.items()
    ]
    return "## Left out\n\n" + "\n".join(lines)


def _picture_section(sheets: Sequence[Sheet]) -> str:
    """Return the pictures; nothing if none were drawn."""
    if not sheets:
        return ""
    links = [f"{sheet.about}:\n\n![{sheet.about}](../images/{sheet.name}.png)" for sheet in sheets]
    return PICTURES + "\n\n".join(links)


INTRODUCTION: Final = """\
# Engines, measured

How closely each engine restores healthy tissue that was hidden from it, in people excluded from the training of
the shipped networks, except where a section says otherwise.

- **Holes**: {holes} of each kind per scan. Small: a blob of 0.4 to 2 ml. Lesion and large: masks of real stroke
  lesions, placed at random in the tissue, 8 to 15 and 30 to 50 ml. Slices: 1 to 3 lost slices. Block: a block of
  8 to 15 ml that reaches in from a face of the volume.
- **Scores** are taken over the tissue inside the hole ([what they mean](../explanation/scores.md)). PSNR and SSIM:
  higher is better. Error: RMSE divided by that of `harmonic` on the same hole; below 1 is better than harmonic.
  Seam: 1 looks like the surrounding tissue.
- **Numbers** are means over people, followed by the 95 % interval (Student's t) if there are several people.
  One person says little about others: the tables with one person are there to show where an engine breaks down.
- **Empty cells**: engines for lost slices leave other holes to another engine, which has its own row.
"""

DEFAULT: Final = """\
## The default against the best

What choosing the engine by hand would have gained. A cell is one kind of hole in one kind of scan; its errors are
relative to `harmonic`, and the best engine is the one with the least mean error in the cell. A ratio of 1.03 is an
error 3 % above the other's. `auto` itself is not among the engines that it is compared with. Where `auto` took
different engines in the holes of a cell, the ratio can be below 1.

{verdict}

{table}

## Scores
"""

COSTS: Final = """\
## Time and memory

Means over all scans above, for one hole (or one gap of slices): seconds for the fill on a CPU with two cores that
also did other work, and by how much the fill raised the resident memory of the process, in MB.
[Speed](speed.md) has whole processes.

{costs}
"""

PICTURES: Final = """\
## Pictures

Each row shows the case with the median PSNR, averaged over the engines, unless stated otherwise. The border of the
hole is red.

"""

REPEAT: Final = """\
## Repeat it

The fills took {hours} hours. `--only` measures some of the scans, and `--rows FOLDER` keeps what is measured, so
that an interrupted measurement goes on where it stopped:

```
OMP_NUM_THREADS=2 python benchmarks/engines.py --data DATA --holes {holes} --rows ROWS \\
    --output docs/reference/engines-measured.md --images docs/images --scores scores.tsv
```
"""
