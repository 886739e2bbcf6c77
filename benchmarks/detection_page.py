"""The page of benchmarks/detection.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Final

from detection_rows import CLEAN, Row

from medpaint.corrupt.artefacts.table import ARTEFACTS

__all__ = ["page_of"]

OWN: Final[Mapping[str, set[str]]] = {
    "missing": {"missing", "nonfinite", "block"},
    "stripe": {"stripe", "zipper", "dropout"},
    "dropout": {"dropout", "stripe"},
    "void": set(),
    "border": set(),
    "lesion": set(),
    "motion": set(),
}
"""Detectors that a kind of damage belongs to, where that is not the one of its name; none for some kinds."""


def page_of(rows: Sequence[Row]) -> str:
    """Return the page."""
    reported = [row for row in rows if row.is_reported]
    damaged = [row for row in reported if row.kind != CLEAN]
    clean = [row for row in rows if row.kind == CLEAN]
    return PAGE.format(
        scans=len({row.scan for row in damaged}),
        people=len({row.person for row in damaged}),
        made=len(damaged),
        clean=len(clean),
        clean_reported=sum(row.is_reported for row in clean),
        kinds=_kinds(damaged, [row for row in clean if row.is_reported]),
        false=_false(clean),
        alarms=_alarms(clean),
        seconds=_seconds(clean),
    )


def _kinds(damaged: Sequence[Row], clean: Sequence[Row]) -> str:
    """Return the table of kinds and severities."""
    lines = [
        "| damage | severity | scans | found | Youden's index | slices found | named | false slices | Dice |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    alarms = mean(bool(row.found) for row in clean) if clean else 0.0
    for kind in ARTEFACTS:
        of_kind = [row for row in damaged if row.kind == kind]
        for severity in sorted({row.severity for row in of_kind}):
            own = [row for row in of_kind if row.severity == severity]
            found = mean(row.hit > 0 for row in own)
            detectors = OWN.get(kind, {kind})
            share = 100.0 * mean(bool(detectors & set(row.found)) for row in own)
            named = f"{share:.0f} %" if detectors else "-"
            slices = sum(row.hit for row in own) / sum(row.damaged for row in own)
            false, dice = mean(row.false_slices for row in own), mean(row.dice for row in own)
            lines.append(
                f"| {kind} | {severity:g} | {len(own)} | {100.0 * found:.0f} % | {found - alarms:.2f} | "
                f"{100.0 * slices:.0f} % | {named} | {false:.2f} | {dice:.2f} |"
            )
    return "\n".join(lines)


def _false(clean: Sequence[Row]) -> str:
    """Return the table of false alarms by group."""
    lines = [
        "| clean scans | of others | with a finding | held out | with a finding | false slices a scan |",
        "|---|---|---|---|---|---|",
    ]
    groups = [*dict.fromkeys(row.group for row in clean), "all"]
    for group in groups:
        own = [row for row in clean if group in (row.group, "all")]
        used, other = [[row for row in own if row.is_reported is which] for which in (False, True)]
        cells = [f"{len(part)} | {sum(bool(row.found) for row in part)}" for part in (used, other)]
        false = mean(row.false_slices for row in own) if own else 0.0
        lines.append(f"| {group} | {cells[0]} | {cells[1]} | {false:.2f} |")
    return "\n".join(lines)


def _alarms(clean: Iterable[Row]) -> str:
    """Return the list of false alarms."""
    lines = [f"- `{row.scan}`: {', '.join(row.found)}" for row in clean if row.found]
    return "\n".join(lines) or "None."


def _seconds(clean: Sequence[Row]) -> str:
    """Return the table of seconds by group."""
    lines = ["| scans | CPU seconds, median | longest |", "|---|---|---|"]
    for group in dict.fromkeys(row.group for row in clean):
        seconds = [row.seconds for row in clean if row.group == group]
        lines.append(f"| {group} | {median(seconds):.2f} | {max(seconds):.2f} |")
    return "\n".join(lines)


PAGE: Final = """\
# Detection, measured

What [detection](../explanation/detection.md) at its normal sensitivity finds in scans damaged on purpose, and what
it reports in scans that nobody damaged.

## Damaged scans

{made} damaged scans, made from {scans} scans of {people} people by the artefacts of `medpaint.corrupt.artefacts`.
Severity 0 is barely visible, 1 is gross. The limits were first set on damaged scans of other people. First results
on these people then led to changes of `dropout`, `stripe`, `spike`, `noise` and `block`: the rates are not those
on scans that nobody had looked at.

- **found**: share of the scans in which any detector found a part of the damage.
- **Youden's index**: that share, less the share of the clean scans of held-out people with a finding.
- **slices found**: share of the damaged slices with a voxel in a finding.
- **named**: share of the scans in which a detector for this kind of damage found something; `-` where there is
  none.
- **false slices**: undamaged slices with a voxel in a finding, a scan. Slices are counted along the axis of the
  damage, so a finding of a slice along another axis is false in nearly all of them.
- **Dice**: of all findings that filling can repair with the damage.

{kinds}

`metal` is simulated at 3000 Hounsfield units and more, above the limit of its detector, so the table says
nothing about fainter implants. Pieces below 0.1 ml are left out: at severity 0, with 0.05 to 0.08 ml, none of six
was found as metal. `void`, `border`, `lesion` and `motion` have no detector. What is found of them are side
effects, mostly values that no longer fit into the type of the scan and were clipped.

## Clean scans

{clean} scans, {clean_reported} of them of the people held out for the table of damage. The limits were set so that
next to nothing is reported in clean scans. For that, clean scans of both sets of people were looked at, except for
most of the T1w brains. So the rates say that the limits suit these scans, and less about scans of other sites.

{false}

Every finding in a clean scan:

{alarms}

## Time

All detectors together, one thread, on the clean scans. The scan is in memory already.

{seconds}

To repeat this, run

```
OMP_NUM_THREADS=1 python benchmarks/detection.py --data FOLDER --rows rows.jsonl \\
    --output docs/reference/detection-measured.md
```
"""
