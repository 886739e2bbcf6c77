"""Measure every engine on holes in real scans of held-out people, and write the tables and pictures as a page.

    python benchmarks/engines.py --data FOLDER --output docs/reference/engines-measured.md --images docs/images

FOLDER is laid out as in the table SCANS. The engines are those of the registry.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from sheets import SheetRow, draw_sheet

from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.datasets.subjects import LeftOut, Subject
from medpaint.engines.registry import engine_names
from medpaint.evaluation.kinds import HoleKind, hole_kinds
from medpaint.evaluation.pictures import hole_of
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row, evaluate
from medpaint.evaluation.tables import Estimate, SummaryRow, summarised, write_table

BRAINS: Final = tuple(
    (f"t1w-brain-ds002748/train-1mm/sub-{number}_T1w.nii.gz", f"ds002748-{number}", "")
    for number in (37, 38, 39, 40)
)
HEAD: Final = "head-ds000011/sub-01/anat/sub-01_"
FLAIR: Final = "ms-patient26/FLAIR_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz"


@dataclass(frozen=True)
class Group:
    """Scans of one kind.

    Attributes:
        title: heading.
        about: what they are, for the page.
        scans: path below the data, person, and mask of unhealthy tissue, if any.
    """

    title: str
    about: str
    scans: tuple[tuple[str, str, str], ...]


SCANS: Final = (
    Group("T1w brain", "brain-extracted T1-weighted MRI, 1 mm, four people (OpenNeuro ds002748)", BRAINS),
    Group(
        "T1w head",
        "T1-weighted MRI of a head, 1 x 1.33 x 1.33 mm, one person (OpenfMRI ds000011)",
        ((f"{HEAD}T1w.nii.gz", "ds000011-01", ""),),
    ),
    Group(
        "T2w head",
        "T2-weighted MRI of the same head, slices of 5 mm",
        ((f"{HEAD}inplaneT2.nii.gz", "ds000011-01", ""),),
    ),
    Group(
        "FLAIR",
        "FLAIR of a person with multiple sclerosis, 1 mm, holes outside the lesions (Lesjak 2017)",
        ((FLAIR, "lesjak-26", "lesion-masks/ms-mni/patient26_lesions.nii.gz"),),
    ),
    Group(
        "CT thigh",
        "CT of the thighs, slices of 3.3 mm, holes outside the tumour (Soft-tissue-Sarcoma)",
        (("ct-mr-sts/STS_001/CT_image.nii.gz", "sts-001", "ct-mr-sts/STS_001/CT_mask.nii.gz"),),
    ),
)

LEARNED: Final = "unet3d"
"""Engine whose best, median and worst case are drawn."""

LESIONS: Final = "lesion-masks/stroke-lesymap"
KINDS: Final = {"blob:0.4-2": "small", "lesion:8-15": "lesion", "lesion:30-50": "large", "slices:1-3": "slices"}


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    parser.add_argument("--holes", type=int, default=1, help="holes of each kind in a scan")
    parser.add_argument(
        "--engines",
        nargs="+",
        default=list(engine_names()),
        help="what to measure, auto too (default: all engines)",
    )
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    parser.add_argument("--images", type=Path, help="folder of the pictures to draw")
    parser.add_argument("--scores", type=Path, help="table of every fill to write, .tsv, for benchmarks/cards.py")
    arguments = parser.parse_args()
    start = time.perf_counter()
    shapes = LesionFolder(arguments.data / LESIONS)
    plan = Plan(tuple(arguments.engines), hole_kinds(list(KINDS), shapes), arguments.holes, 0, shapes)
    found = {group: measured(subjects_of(group, arguments.data), plan) for group in SCANS}
    minutes = (time.perf_counter() - start) / 60.0
    page = page_of(found, plan, minutes)
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")
    if arguments.scores:
        write_table([row for rows in found.values() for row in rows], arguments.scores)
    if arguments.images:
        draw(found, plan, arguments.data, arguments.images)


def subjects_of(group: Group, data: Path) -> list[Subject]:
    """Return the scans of a group."""
    return [
        Subject.of(data / path, person=person, avoid=data / avoid if avoid else None)
        for path, person, avoid in group.scans
    ]


def measured(subjects: Sequence[Subject], plan: Plan) -> list[Row]:
    """Return the scores of every engine, and print what was left out."""
    rows = []
    for result in evaluate(subjects, plan):
        if isinstance(result, LeftOut):
            print(f"left out: {result.path}, {result.what}: {result.reason}", file=sys.stderr)
            continue
        print(
            result.scan,
            result.kind,
            result.bin,
            result.engine,
            f"{result.psnr:.2f} dB",
            file=sys.stderr,
            flush=True,
        )
        rows.append(result)
    return rows


def page_of(found: dict[Group, list[Row]], plan: Plan, minutes: float) -> str:
    """Return the page."""
    parts = [section(group, rows, plan) for group, rows in found.items()]
    return PAGE.format(
        holes=plan.holes, sections="\n\n".join(parts), minutes=f"{minutes:.0f}", costs=cost_table(found, plan)
    )


def section(group: Group, rows: Sequence[Row], plan: Plan) -> str:
    """Return the tables of one group."""
    summary = {(row.engine, row.kind, row.bin): row for row in summarised(rows)}

    def table(caption: str, text: Callable[[SummaryRow], str]) -> str:
        lines = [f"| {caption} | " + " | ".join(KINDS.values()) + " |", "|---" * (len(KINDS) + 1) + "|"]
        for engine in plan.engines:
            cells = [summary.get((engine, kind.name, kind.bin)) for kind in plan.kinds]
            lines.append(f"| `{engine}` | " + " | ".join(text(cell) if cell else "" for cell in cells) + " |")
        return "\n".join(lines)

    scores = table("PSNR, dB", lambda row: with_interval(row.scores["psnr"]))
    others = table("SSIM · error / harmonic · seam", similarity)
    return f"### {group.title}\n\n{group.about[0].upper()}{group.about[1:]}.\n\n{scores}\n\n{others}"


def with_interval(estimate: Estimate) -> str:
    """Return a mean, with its interval if it has one."""
    if math.isnan(estimate.low):
        return f"{estimate.mean:.1f}"
    return f"{estimate.mean:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"


def similarity(row: SummaryRow) -> str:
    """Return the other scores of one cell."""
    ssim, relative, seam = (row.scores[name].mean for name in ("ssim", "rmse_vs_harmonic", "seam"))
    return f"{ssim:.3f} · {relative:.2f} · {seam:.2f}"


def cost_table(found: dict[Group, list[Row]], plan: Plan) -> str:
    """Return seconds and memory as a table, over all scans."""
    rows = [row for of_group in found.values() for row in of_group]
    lines = ["| seconds · MB | " + " | ".join(KINDS.values()) + " |", "|---" * (len(KINDS) + 1) + "|"]
    for engine in plan.engines:
        cells = []
        for kind in plan.kinds:
            own = [row for row in rows if (row.engine, row.kind, row.bin) == (engine, kind.name, kind.bin)]
            costs = (mean(row.seconds for row in own), mean(row.peak_mb for row in own)) if own else None
            cells.append(f"{costs[0]:.2f} · {costs[1]:.0f}" if costs else "")
        lines.append(f"| `{engine}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(found: dict[Group, list[Row]], plan: Plan, data: Path, images: Path) -> None:
    """Draw the median cases: of each kind in the first group, and of the lesions in the others."""
    first, *others = found
    brains = [
        sheet_row(title, found[first], kind, subjects_of(first, data), plan)
        for title, kind in zip(KINDS.values(), plan.kinds, strict=True)
    ]
    draw_sheet(brains, images / "engines-brains.png")
    lesion = plan.kinds[1]
    rest = [sheet_row(group.title, found[group], lesion, subjects_of(group, data), plan) for group in others]
    draw_sheet(rest, images / "engines-others.png")
    draw_sheet(range_of(found[first], subjects_of(first, data), plan), images / "engines-range.png")


def range_of(rows: Sequence[Row], subjects: Sequence[Subject], plan: Plan) -> list[SheetRow]:
    """Return the best, the median and the worst case of the learned engine among the lesions, by its error."""
    own = [row for row in rows if row.engine == LEARNED and row.kind == "lesion"]
    ordered = sorted(own, key=lambda row: row.rmse_vs_harmonic)
    picked = {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]} if ordered else {}
    return [
        sheet_of(title, [row for row in rows if key_of(row) == key_of(case)], subjects, plan)
        for title, case in picked.items()
    ]


def key_of(row: Row) -> tuple[str, str, str, int]:
    """Return what identifies the hole of a row."""
    return row.scan, row.kind, row.bin, row.hole


def sheet_row(
    title: str, rows: Sequence[Row], kind: HoleKind, subjects: Sequence[Subject], plan: Plan
) -> SheetRow:
    """Return the case whose PSNR, averaged over the engines, is the median one."""
    cases: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if (row.kind, row.bin) == (kind.name, kind.bin):
            cases.setdefault((row.scan, row.hole), []).append(row)
    ordered = sorted(cases.values(), key=lambda case: mean(row.psnr for row in case))
    return sheet_of(title, ordered[(len(ordered) - 1) // 2], subjects, plan)


def sheet_of(title: str, case: Sequence[Row], subjects: Sequence[Subject], plan: Plan) -> SheetRow:
    """Return one hole, filled by every engine."""
    hole = hole_of(case[0], subjects, plan)
    columns = {"truth": hole.truth}
    columns |= {row.engine: hole.restored(hole.chosen(plan.fill(row.engine)).engine, plan.seed) for row in case}
    notes = {row.engine: f"{row.psnr:.1f} dB" for row in case} | {"truth": f"{case[0].hole_ml:.1f} ml"}
    return SheetRow(title, hole.truth, hole.reference.mask, columns, notes)


PAGE: Final = """\
# Engines, measured

How closely each engine restores healthy tissue that was hidden from it, in people excluded from all training.

- **Holes**: {holes} of each kind per scan. Small: a blob of 0.4 to 2 ml. Lesion and large: masks of real stroke
  lesions, placed at random in the tissue, 8 to 15 and 30 to 50 ml. Slices: 1 to 3 lost slices.
- **Scores** are taken over the tissue inside the hole ([what they mean](../explanation/scores.md)). PSNR and SSIM:
  higher is better. Error: RMSE divided by that of `harmonic` on the same hole; below 1 is better than harmonic.
  Seam: 1 looks like the surrounding tissue.
- **Numbers** are means over people, followed by the 95 % interval (Student's t) if there are several people.
  One person says little about others: the tables with one person are there to show where an engine breaks down.

{sections}

## Time and memory

Means over all scans above, for one hole (or one gap of slices): seconds on a CPU with two threads, and by how
much the fill raised the resident memory of the process, in MB.

{costs}

## Pictures

Each row shows the case with the median PSNR, averaged over the engines. The border of the hole is red.

![T1w brains: small, lesion, large, slices](../images/engines-brains.png)

![Other scans: a lesion-shaped hole of 8 to 15 ml](../images/engines-others.png)

The best, median and worst of the lesion-shaped holes in brains, by the error of `unet3d` relative to that of
`harmonic`:

![T1w brains: best, median and worst case of unet3d](../images/engines-range.png)

To repeat this, in about {minutes} minutes, run

```
OMP_NUM_THREADS=2 python benchmarks/engines.py --data DATA \\
    --output docs/reference/engines-measured.md --images docs/images --scores scores.tsv
```
"""

if __name__ == "__main__":
    main()
