"""The folder of an evaluation: tables, plots, pictures, and the record of what was run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from medpaint.core.types import Progress
from medpaint.datasets.subjects import LeftOut, Subject
from medpaint.engines.learned.foreign.description import read_description
from medpaint.evaluation.pictures import draw_medians, draw_plots
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row, evaluate
from medpaint.evaluation.tables import SummaryRow, summarised, write_table
from medpaint.io.atomic import replacing
from medpaint.io.digest import combined_digest, file_digest
from medpaint.record.software import now, software

__all__ = ["PICTURES", "RECORD", "SCORES", "Evaluation", "evaluate_into", "write_evaluation"]

SCORES: Final = "scores.tsv"
SUMMARY: Final = "summary.tsv"
RECORD: Final = "record.json"
PICTURES: Final = "pictures"
PLOTS: Final = "plots"

METHOD: Final = {
    "mean": "over people; the holes of a person are averaged first",
    "interval": "95 %, Student's t over people; empty for one person",
    "seconds": "wall clock of fill and blend, without loading the engine",
    "peak_mb": "rise of the resident memory of the process during fill and blend (Linux VmHWM), in million bytes",
}


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation.

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
    """Score engines on holes in clean scans, and write the results.

    Args:
        folder: created if missing; what an earlier evaluation wrote there is replaced.
        subjects: the scans.
        plan: what is done with each.
        lesions: the files that the plan's shapes came from, for the record.
        progress: called with the step and the fraction done.
    """
    rows, left_out = _parted(evaluate(subjects, plan, progress=progress))
    evaluation = write_evaluation(folder, rows, left_out, _described(plan, lesions))
    if _can_draw():
        shutil.rmtree(folder / PICTURES, ignore_errors=True)
        scans = [one for one in subjects if isinstance(one, Subject)]
        draw_medians(folder / PICTURES, rows, scans, plan, progress)
    return evaluation


def write_evaluation(folder: Path, rows: list[Row], left_out: list[LeftOut], plan: dict[str, Any]) -> Evaluation:
    """Write tables, plots and record.

    Args:
        folder: created if missing.
        rows: the scores.
        left_out: what was not scored.
        plan: entries of the record that say what was done.
    """
    summary = summarised(rows)
    write_table(rows, folder / SCORES)
    write_table(summary, folder / SUMMARY)
    if rows and _can_draw():
        draw_plots(folder / PLOTS, rows)
    scans = {(row.scan, row.person, row.sha256): None for row in rows}
    record = {
        **plan,
        "method": METHOD,
        "scans": [dict(zip(("scan", "person", "sha256"), scan, strict=True)) for scan in scans],
        "left_out": [asdict(one) for one in left_out],
        "products": {name: file_digest(folder / name) for name in (SCORES, SUMMARY)},
        "created": now(),
    }
    with replacing(folder / RECORD) as part:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return Evaluation(tuple(rows), tuple(left_out), tuple(summary))


def _described(plan: Plan, lesions: Sequence[Path]) -> dict[str, Any]:
    """Return the entries of the record that say what was done."""
    return {
        "engines": list(plan.engines),
        "kinds": [{"kind": kind.name, "bin": kind.bin} for kind in plan.kinds],
        "holes": plan.holes,
        "seed": plan.seed,
        "membrane": plan.membrane,
        "effort": plan.effort,
        "network_sha256": _network_digest(plan.network),
        "shapes": {"files": len(lesions), "sha256": combined_digest(map(file_digest, lesions)) if lesions else ""},
        "excluded": sorted(plan.excluded),
        "software": software(),
    }


def _network_digest(network: str) -> str:
    """Return the hash of a description of a network and its weights; empty if there is none."""
    if not network:
        return ""
    described = read_description(Path(network))
    return combined_digest(map(file_digest, (described.path, described.weights)))


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


def _can_draw() -> bool:
    """Return whether matplotlib is installed; without it there are only tables."""
    return find_spec("matplotlib") is not None
