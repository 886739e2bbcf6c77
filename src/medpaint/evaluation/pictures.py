"""Plots of an evaluation, and pictures of its median cases."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from medpaint.core.errors import InputError
from medpaint.core.types import Progress
from medpaint.datasets.clean import read_clean
from medpaint.datasets.subjects import Subject
from medpaint.evaluation.hole import EvaluationHole, hole_in
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import Group, groups

__all__ = ["draw_medians", "draw_plots", "gather_medians", "hole_of", "median_row"]


def median_row(rows: Sequence[Row]) -> Row:
    """Return the row of the median PSNR, the lower one of two."""
    return sorted(rows, key=lambda row: (row.psnr, row.scan, row.hole))[(len(rows) - 1) // 2]


def hole_of(row: Row, subjects: Iterable[Subject], plan: Plan) -> EvaluationHole:
    """Recreate the hole of a row.

    Raises:
        InputError: its scan is not among the subjects, or has changed.
    """
    kind = next(kind for kind in plan.kinds if (kind.name, kind.bin) == (row.kind, row.bin))
    for subject in subjects:
        if subject.scan == row.scan and (clean := read_clean(subject)).sha256 == row.sha256:
            return hole_in(clean, kind, row.hole, seed=plan.seed, shapes=plan.shapes)
    message = f"expected the scan {row.scan} as it was when it was scored: it is missing or has changed"
    raise InputError(message)


def draw_plots(folder: Path, rows: Sequence[Row]) -> None:
    """Draw the PSNR by the size of the hole, and by kind."""
    from medpaint.report.plots import plot_by_kind, plot_by_size

    by_size: dict[str, dict[str, list[tuple[float, float]]]] = {}
    by_kind: dict[str, dict[str, list[float]]] = {}
    for (kind, size, engine), members in groups(rows).items():
        by_size.setdefault(kind, {}).setdefault(engine, []).extend((row.scored_ml, row.psnr) for row in members)
        by_kind.setdefault(f"{kind}\n{size}", {})[engine] = [row.psnr for row in members]
    plot_by_size(by_size, folder / "psnr_by_size", score="PSNR in the hole, dB")
    plot_by_kind(by_kind, folder / "psnr_by_kind", score="PSNR in the hole, dB")


def draw_medians(
    folder: Path, rows: Sequence[Row], subjects: Sequence[Subject], plan: Plan, progress: Progress | None
) -> None:
    """Draw the median case of each engine on each kind of hole, which is filled once more.

    Args:
        folder: created if missing.
        rows: the scores.
        subjects: the scans that were scored.
        plan: what was done with each.
        progress: called with the step and the fraction done.
    """
    from medpaint.report.figures import before_and_after

    folder.mkdir(parents=True, exist_ok=True)
    medians = {_picture(group): median_row(members) for group, members in groups(rows).items()}
    made: dict[tuple[str, str, str, str, int], EvaluationHole] = {}
    for number, (name, row) in enumerate(sorted(medians.items(), key=lambda item: _key(item[1]))):
        if progress is not None:
            progress("pictures", number / len(medians))
        if _key(row) not in made:
            made = {_key(row): hole_of(row, subjects, plan)}
        hole = made[_key(row)]
        restored = hole.restored(plan.fill(row.engine)).volume
        title = f"{row.scan}: {row.kind} {row.hole_ml:.1f} ml, {row.engine}, {row.psnr:.1f} dB (median case)"
        mask = hole.reference.mask
        before_and_after(hole.damaged, restored, mask, folder / name, truth=hole.truth, title=title)


def gather_medians(folder: Path, rows: Sequence[Row], parts: Mapping[Path, Sequence[Row]]) -> None:
    """Copy the pictures of the median cases from the parts of an evaluation.

    Args:
        folder: what is in it is replaced.
        rows: the scores of all parts.
        parts: the scores by the folder of pictures of their part.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for group, members in groups(rows).items():
        median = median_row(members)
        part = next(part for part, own in parts.items() if median in own)
        picture = part / _picture(group)
        if picture.exists():
            shutil.copyfile(picture, folder / picture.name)


def _key(row: Row) -> tuple[str, str, str, str, int]:
    """Return what identifies the hole of a row."""
    return row.scan, row.sha256, row.kind, row.bin, row.hole


def _picture(group: Group) -> str:
    """Return the file name of the median case of a group."""
    return "_".join(group).replace(" ", "-") + ".png"
