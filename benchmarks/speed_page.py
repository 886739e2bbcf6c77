"""The page that benchmarks/speed.py writes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Final

from speed_cases import SMALL, Case
from speed_others import Other
from speed_runs import Pairs, Run

__all__ = ["Measured", "page_of"]

Again = tuple[Run, Run]
"""The first restoration in a process, and the next."""


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    Attributes:
        versions: the older and the newer one, in words.
        start: ``medpaint --help``.
        cases: whole processes.
        filled_by: what filled the hole of each case, old and new.
        differences: of the products of each case, see `speed_runs.difference`.
        again: the first and the next restoration of one process, by case; a pair of versions for each.
        volumes_mb: size of the scan in memory, of cases whose peak is compared with it.
        others: other packages.
    """

    versions: tuple[str, str]
    start: Pairs
    cases: Mapping[Case, Pairs]
    filled_by: Mapping[Case, tuple[str, str]]
    differences: Mapping[Case, float]
    again: Mapping[Case, tuple[Sequence[Again], Sequence[Again]]]
    volumes_mb: Mapping[Case, float]
    others: Sequence[Other]


def page_of(measured: Measured) -> str:
    """Return the page."""
    pairs = len(measured.start.old)
    about = ABOUT.format(
        old=measured.versions[0],
        new=measured.versions[1],
        runs="one run each" if pairs == 1 else f"medians of {pairs} runs each",
        machine=_machine(),
    )
    return PAGE.format(
        about=fill(about, 115),
        processes=_process_table(measured),
        again=_again_table(measured),
        memory=_memory_table(measured),
        others=_other_table(measured.others),
    )


def _process_table(measured: Measured) -> str:
    """Return the cost of whole processes."""
    names = (
        "scan | hole | engine | CPU s, old | new | new / old | s, old | new | GB, old | new | filled by | voxels"
    )
    lines = [f"| {names} |", "|---" * 12 + "|"]
    lines.append(f"| none: `medpaint --help` | | | {_costs(measured.start)} | | |")
    for case, pairs in measured.cases.items():
        old, new = measured.filled_by[case]
        filled = f"`{new}`" if old == new else f"`{old}`, now `{new}`"
        title = f"{case.scan} | {case.hole} | `{case.engine}`"
        lines.append(f"| {title} | {_costs(pairs)} | {filled} | {_voxels(measured.differences[case])} |")
    return "\n".join(lines)


def _costs(pairs: Pairs) -> str:
    """Return CPU seconds with their ratio, seconds, and memory as cells."""
    cpu = " | ".join(map(_seconds, pairs.medians("cpu_s")))
    wall = " | ".join(map(_seconds, pairs.medians("wall_s")))
    peak = " | ".join(f"{value / 1000.0:.2f}" for value in pairs.medians("peak_mb"))
    return f"{cpu} | {_ratio(pairs)} | {wall} | {peak}"


def _seconds(value: float) -> str:
    """Return seconds with two significant digits at least."""
    return f"{value:.1f}" if value >= 1.0 else f"{value:.2f}"


def _ratio(pairs: Pairs) -> str:
    """Return the ratio of CPU seconds, with its range if there are several pairs."""
    middle, low, high = pairs.ratios("cpu_s")
    return f"**{middle:.2f}**" + (f" ({low:.2f} to {high:.2f})" if len(pairs.old) > 1 else "")


def _voxels(difference: float) -> str:
    """Return how the voxels of two products compare."""
    return "same" if difference == 0.0 else f"within {difference:.0e}"


def _again_table(measured: Measured) -> str:
    """Return what the next restoration in a process costs."""
    names = "scan | hole | engine | first, old | new | next, old | new | next / first, new | next, new / old"
    lines = [f"| {names} |", "|---" * 9 + "|"]
    for case, (old, new) in measured.again.items():
        first, following = (
            Pairs(tuple(one[which] for one in old), tuple(one[which] for one in new)) for which in (0, 1)
        )
        within = Pairs(first.new, following.new)
        cells = [_seconds(value) for value in (*first.medians("cpu_s"), *following.medians("cpu_s"))]
        cells += [_ratio(within), _ratio(following)]
        lines.append(f"| {case.scan} | {case.hole} | `{case.engine}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _memory_table(measured: Measured) -> str:
    """Return the peaks of memory above that of a small scan with the same engine, in units of the large one."""
    if not measured.volumes_mb:
        return "Not measured in this run."
    small = {case.engine: measured.cases[case].medians("peak_mb") for case in SMALL}
    names = "scan | engine | one volume, MB | above the small scan, MB, old | new | in volumes, old | new"
    lines = [f"| {names} |", "|---" * 7 + "|"]
    for case, volume_mb in measured.volumes_mb.items():
        peaks = measured.cases[case].medians("peak_mb")
        above = [peak - base for peak, base in zip(peaks, small[case.engine], strict=True)]
        cells = [
            f"{volume_mb:.0f}",
            *(f"{one:.0f}" for one in above),
            *(f"{one / volume_mb:.1f}" for one in above),
        ]
        lines.append(f"| {case.scan} | `{case.engine}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _other_table(others: Sequence[Other]) -> str:
    """Return the fills of other packages."""
    lines = ["| fill | on | CPU s | s | RMSE in the hole |", "|---" * 5 + "|"]
    lines += [
        f"| {one.name} | {one.where} | {one.cpu_s:.2f} | {one.wall_s:.2f} | {one.error:.1f} |" for one in others
    ]
    if not any("scikit" in one.name for one in others):
        lines.append("\nscikit-image is not installed where this was measured.")
    return "\n".join(lines)


def _machine() -> str:
    """Return the processor and the number of cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


ABOUT: Final = """\
The cost of restorations on a CPU ({machine}), by an older version, {old}, and this one, {new}; {runs}. Old and new
ran in turn, pair by pair, each with its own defaults for threads. The ratio is the median over the pairs, followed
by the least and the largest."""

PAGE: Final = """\
# Speed

{about}

The machine did other work at the same time. So the claims are the CPU seconds (user and system time of the process
and its children) and above all their ratios. The seconds from start to end are shown for orientation only.

## Whole processes

From entering `medpaint restore` to the next prompt, including the start of Python and loading the network.
*Voxels* is the largest difference of the two products inside the mask, as a share of the scan's range (1st to 99th
percentile); outside the mask they are the same. Where a different engine fills the hole, the fill differs too.

{processes}

## The next scan in a process

The same restoration again in the same process, as in the batches of a cohort, including reading and writing; CPU
seconds. The first includes the start of the process.

{again}

## Memory

The peak of the process above that of the small scan (48 x 48 x 48 voxels) with the same engine, which stands for
Python, the packages and the network. `auto` above `biharmonic` is what the engine itself needs for a hole of 1 ml.

{memory}

## Beside other packages

A hole of 15 ml in the brain at 1 mm, filled in memory on a crop around the hole and on the whole scan. medpaint's
biharmonic fill runs through `medpaint.restore`, with hashing, checks and record; it crops by itself.

{others}

## Repeat it

```
python benchmarks/speed.py --data DATA --against OLD_CHECKOUT --pairs 5 --output docs/reference/speed.md
```

`OLD_CHECKOUT` is a source tree of the older version, or the `python` of an environment in which it is installed.
`pip install scikit-image` for the comparison with it.
"""
