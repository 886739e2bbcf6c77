"""The folder of an evaluation: tables, plots, pictures, and the record of what was run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.core.types import Progress
from medpaint.datasets.clean import read_clean
from medpaint.datasets.subjects import LeftOut, Subject
from medpaint.evaluation.hole import Trial, trial_in
from medpaint.evaluation.run import Plan, Row, engine_of, evaluate
from medpaint.evaluation.tables import SummaryRow, groups, read_scores, summarised, write_table
from medpaint.io.atomic import replacing
from medpaint.io.digest import combined_digest, file_digest
from medpaint.record.software import now, software

__all__ = ["Evaluation", "evaluate_into", "median_row", "merge_into", "trial_of"]

SCORES: Final = "scores.tsv"
SUMMARY: Final = "summary.tsv"
RECORD: Final = "record.json"
PICTURES: Final = "pictures"
PLOTS: Final = "plots"

SAME_IN_PARTS: Final = ("engines", "kinds", "holes", "seed", "membrane", "effort", "shapes", "software")
"""Entries of the record that parts of one evaluation have in common."""

METHOD: Final = {
    "mean": "over people; the holes of a person are averaged first",
    "interval": "95 %, Student's t over people; empty for one person",
    "seconds": "wall clock of fill and blend, without loading the engine",
    "peak_mb": "rise of the resident memory of the process during fill and blend (Linux VmHWM), in million bytes",
}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        rows: one for each fill.
        left_out: what was not scored, and why.
        summary: one for each engine, kind and range of sizes.
    """

    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    summary: tuple[SummaryRow, ...]


def evaluate_into(
    folder: Path,
    subjects: Sequence[Subject | LeftOut],
    plan: Plan,
    *,
    lesions: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Score engines on holes in clean scans, and write what came of it.

    Args:
        folder: is made where it is missing; what an earlier evaluation wrote there is replaced.
        subjects: the scans.
        plan: what is done with each.
        lesions: the files that the plan's shapes came from, for the record.
        progress: told the step and the fraction done.
    """
    rows, left_out = _parted(evaluate(subjects, plan, progress=progress))
    record = {
        "engines": list(plan.engines),
        "kinds": [{"kind": kind.name, "bin": kind.bin} for kind in plan.kinds],
        "holes": plan.holes,
        "seed": plan.seed,
        "membrane": plan.membrane,
        "effort": plan.effort,
        "shapes": {"files": len(lesions), "sha256": combined_digest(map(file_digest, lesions)) if lesions else ""},
        "excluded": sorted(plan.excluded),
        "software": software(),
    }
    evaluation = _write(folder, rows, left_out, record)
    if _can_draw():
        shutil.rmtree(folder / PICTURES, ignore_errors=True)
        _draw_medians(
            folder / PICTURES, rows, [one for one in subjects if isinstance(one, Subject)], plan, progress
        )
    return evaluation


def merge_into(folder: Path, parts: Sequence[Path]) -> Evaluation:
    """Make one evaluation of several, which differ in their scans only.

    Raises:
        InputError: a part is no folder of an evaluation, or a scan is in two of them.
        UsageError: the parts were made in different ways.
    """
    records = [_read_record(part) for part in parts]
    for part, record in zip(parts, records, strict=True):
        other = [name for name in SAME_IN_PARTS if record.get(name) != records[0].get(name)]
        if other:
            message = (
                f"expected parts made in the same way, got another {', '.join(other)} in {part} than in {parts[0]}"
            )
            raise UsageError(message)
    read = [read_scores(part / SCORES) for part in parts]
    rows = [row for of_part in read for row in of_part]
    seen = {(row.scan, row.sha256, row.kind, row.bin, row.hole, row.engine) for row in rows}
    if len(seen) < len(rows):
        message = f"expected each scan in one part only, got {len(rows) - len(seen)} scores twice"
        raise InputError(message)
    left_out = [LeftOut(**item) for record in records for item in record["left_out"]]
    shared = {name: records[0][name] for name in SAME_IN_PARTS}
    excluded = sorted({name for record in records for name in record["excluded"]})
    evaluation = _write(folder, rows, left_out, {**shared, "excluded": excluded})
    _gather_medians(folder / PICTURES, rows, dict(zip(parts, read, strict=True)))
    return evaluation


def median_row(rows: Sequence[Row]) -> Row:
    """Return the row of the median PSNR, the lower one of two."""
    return sorted(rows, key=lambda row: (row.psnr, row.scan, row.hole))[(len(rows) - 1) // 2]


def trial_of(row: Row, subjects: Iterable[Subject], plan: Plan) -> Trial:
    """Make the hole of a row again.

    Raises:
        InputError: its scan is not among the subjects, or has changed.
    """
    kind = next(kind for kind in plan.kinds if (kind.name, kind.bin) == (row.kind, row.bin))
    for subject in subjects:
        if subject.scan == row.scan and (clean := read_clean(subject)).sha256 == row.sha256:
            return trial_in(clean, kind, row.hole, seed=plan.seed, shapes=plan.shapes)
    message = f"{row.scan} is not there any more as it was when it was scored"
    raise InputError(message)


def _parted(results: Iterable[Row | LeftOut]) -> tuple[list[Row], list[LeftOut]]:
    """Return the rows, and what was left out."""
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for result in results:
        if isinstance(result, Row):
            rows.append(result)
        else:
            left_out.append(result)
    return rows, left_out


def _write(folder: Path, rows: list[Row], left_out: list[LeftOut], record: dict[str, Any]) -> Evaluation:
    """Write tables, plots and record."""
    summary = summarised(rows)
    write_table(rows, folder / SCORES)
    write_table(summary, folder / SUMMARY)
    if rows and _can_draw():
        _plot(folder / PLOTS, rows)
    scans = {(row.scan, row.person, row.sha256): None for row in rows}
    told = {
        **record,
        "method": METHOD,
        "scans": [dict(zip(("scan", "person", "sha256"), scan, strict=True)) for scan in scans],
        "left_out": [asdict(one) for one in left_out],
        "products": {name: file_digest(folder / name) for name in (SCORES, SUMMARY)},
        "created": now(),
    }
    with replacing(folder / RECORD) as part:
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return Evaluation(tuple(rows), tuple(left_out), tuple(summary))


def _plot(folder: Path, rows: Sequence[Row]) -> None:
    """Draw the plots."""
    from medpaint.report.plots import plot_by_kind, plot_by_size

    by_size: dict[str, dict[str, list[tuple[float, float]]]] = {}
    by_kind: dict[str, dict[str, list[float]]] = {}
    for (kind, size, engine), members in groups(rows).items():
        by_size.setdefault(kind, {}).setdefault(engine, []).extend((row.scored_ml, row.psnr) for row in members)
        by_kind.setdefault(f"{kind}\n{size}", {})[engine] = [row.psnr for row in members]
    plot_by_size(by_size, folder / "psnr_by_size", score="PSNR in the hole, dB")
    plot_by_kind(by_kind, folder / "psnr_by_kind", score="PSNR in the hole, dB")


def _draw_medians(
    folder: Path, rows: Sequence[Row], subjects: Sequence[Subject], plan: Plan, progress: Progress | None
) -> None:
    """Draw the median case of each engine on each kind of hole, filled once more."""
    from medpaint.report.figures import before_and_after

    folder.mkdir(parents=True, exist_ok=True)
    medians = {_picture(key): median_row(members) for key, members in groups(rows).items()}
    made: dict[tuple[str, str, str, str, int], Trial] = {}
    for number, (name, row) in enumerate(sorted(medians.items(), key=lambda item: _hole(item[1]))):
        if progress is not None:
            progress("pictures", number / len(medians))
        if _hole(row) not in made:
            made = {_hole(row): trial_of(row, subjects, plan)}
        trial = made[_hole(row)]
        restored = trial.restored(engine_of(row.engine, plan), plan.seed)
        title = f"{row.scan}: {row.kind} {row.hole_ml:.1f} ml, {row.engine}, {row.psnr:.1f} dB (median case)"
        mask = trial.yardstick.mask
        before_and_after(trial.damaged, restored, mask, folder / name, truth=trial.truth, title=title)


def _gather_medians(folder: Path, rows: Sequence[Row], parts: dict[Path, list[Row]]) -> None:
    """Copy the pictures of the parts that hold the median cases."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for key, members in groups(rows).items():
        median = median_row(members)
        part = next(part for part, own in parts.items() if median in own)
        picture = part / PICTURES / _picture(key)
        if picture.exists():
            shutil.copyfile(picture, folder / picture.name)


def _hole(row: Row) -> tuple[str, str, str, str, int]:
    """Return what names the hole of a row."""
    return row.scan, row.sha256, row.kind, row.bin, row.hole


def _picture(key: tuple[str, str, str]) -> str:
    """Return the file name of the median case of a kind, a range of sizes and an engine."""
    return "_".join(key).replace(" ", "-") + ".png"


def _read_record(part: Path) -> dict[str, Any]:
    """Return the record of a part."""
    path = part / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: expected the record of an evaluation, got none"
        raise UnreadableError(message) from error
    if not isinstance(record, dict) or not {*SAME_IN_PARTS, "left_out", "excluded"} <= set(record):
        message = f"{path}: expected the record of an evaluation, got something else"
        raise UnreadableError(message)
    return record


def _can_draw() -> bool:
    """Return whether matplotlib is installed; without it there are tables and no pictures."""
    return find_spec("matplotlib") is not None
