"""Scores of engines: holes in clean scans, filled by engines, compared with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from medpaint.core.crash import described, is_out_of_memory, print_trace
from medpaint.core.errors import MedpaintError
from medpaint.core.types import FloatArray, Progress
from medpaint.datasets.clean import Clean, read_clean
from medpaint.datasets.subjects import LeftOut, Subject
from medpaint.evaluation.cost import Cost, measured
from medpaint.evaluation.hole import EvaluationHole, hole_in
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.warmup import WarmUp

__all__ = ["BASELINE", "Row", "evaluate", "score_hole"]

BASELINE: Final = "harmonic"
"""Engine whose error the others' errors are divided by; it always fills every hole."""


@dataclass(frozen=True)
class Row:
    """One engine on one hole in one scan. `medpaint.evaluation.scores.Scores` describes the scores.

    Attributes:
        person: who was scanned.
        scan: its name.
        sha256: hash of the scan.
        kind: kind of hole.
        bin: range of sizes that its size was drawn from.
        hole: its number in the scan, from 0.
        hole_ml: volume of the mask.
        scored_ml: volume of the tissue in it, where scores are taken.
        engine: what filled it.
        psnr: decibels, BraTS protocol.
        ssim: BraTS protocol.
        ssim3d: in space.
        mae: in the units of the scan.
        rmse: in the units of the scan.
        rmse_vs_harmonic: `rmse` divided by that of the harmonic engine on the same hole.
        rmse_expected: what the scan said that `rmse` would be; NaN where it was not asked.
        seam: step across the border relative to the steps next to it.
        seconds: for choosing the engine and for the fill, without loading the engine.
        peak_mb: rise of the process's resident memory during the fill.
    """

    person: str
    scan: str
    sha256: str
    kind: str
    bin: str
    hole: int
    hole_ml: float
    scored_ml: float
    engine: str
    psnr: float
    ssim: float
    ssim3d: float
    mae: float
    rmse: float
    rmse_vs_harmonic: float
    rmse_expected: float
    seam: float
    seconds: float
    peak_mb: float


def evaluate(
    subjects: Sequence[Subject | LeftOut], plan: Plan, *, progress: Progress | None = None
) -> Iterator[Row | LeftOut]:
    """Score every engine on holes in clean scans.

    The holes depend only on the plan's seed, the content of the scan and the kind: a scan has the same ones alone
    and among others, and every engine gets the same.

    Args:
        subjects: the scans; what was left out before is passed on.
        plan: what is done with each.
        progress: called with the scan and the fraction of all fills done.

    Yields:
        A row for each engine on each hole; or what was left out, and why.

    Raises:
        UsageError: an unknown engine, or one whose package is not installed.
    """
    warm_up = WarmUp()
    for name in _engines(plan):
        warm_up.asked(plan.fill(name))
    for number, subject in enumerate(subjects):
        if isinstance(subject, LeftOut):
            yield subject
            continue
        if progress is not None:
            progress(subject.scan, number / len(subjects))
        try:
            clean = read_clean(subject, plan.excluded)
        except MedpaintError as error:
            yield LeftOut(str(subject.path), "scan", str(error))
            continue
        for kind in plan.kinds:
            for hole in range(plan.holes):
                yield from score_hole(clean, kind, hole, plan, warm_up)
    if progress is not None:
        progress("scored", 1.0)


def score_hole(clean: Clean, kind: HoleKind, number: int, plan: Plan, warm_up: WarmUp) -> Iterator[Row | LeftOut]:
    """Score every engine of a plan on one hole.

    Args:
        clean: the scan.
        kind: kind and range of sizes.
        number: which of the holes of this kind in the scan, from 0.
        plan: the engines, and what they are made with.
        warm_up: loads each engine before its first fill is timed.

    Yields:
        A row for each engine; or what was left out, and why.
    """
    path, what = str(clean.subject.path), f"{kind.name} {kind.bin}"
    try:
        hole = hole_in(clean, kind, number, seed=plan.seed, shapes=plan.shapes)
    except MedpaintError as error:
        yield LeftOut(path, what, str(error))
        return
    found: dict[str, Row | LeftOut] = {}
    baseline = np.nan
    for name in _engines(plan):
        cost = _filled(hole, name, plan, warm_up)
        if isinstance(cost, str):
            found[name] = LeftOut(path, f"{what}, {name}", cost)
            continue
        filled, expected = cost.result
        scores = hole.reference.scores(filled)
        baseline = scores.rmse if name == BASELINE else baseline
        found[name] = Row(
            person=clean.subject.person,
            scan=clean.subject.scan,
            sha256=clean.sha256,
            kind=kind.name,
            bin=kind.bin,
            hole=number,
            hole_ml=float(np.count_nonzero(hole.reference.mask)) * clean.volume.voxel_ml,
            scored_ml=float(np.count_nonzero(hole.reference.scored)) * clean.volume.voxel_ml,
            engine=name,
            rmse_vs_harmonic=scores.rmse / baseline if baseline else np.nan,
            rmse_expected=expected,
            seconds=cost.seconds,
            peak_mb=cost.peak_mb,
            **asdict(scores),
        )
    yield from (found[name] for name in plan.engines)


def _engines(plan: Plan) -> tuple[str, ...]:
    """Return the engines to run, each once, the baseline first."""
    return tuple(dict.fromkeys((BASELINE, *plan.engines)))


def _filled(hole: EvaluationHole, name: str, plan: Plan, warm_up: WarmUp) -> Cost[tuple[FloatArray, float]] | str:
    """Return a filled scan, the error to expect of it and what it cost, or why the engine failed.

    The intensities are (I, J, K); the error is NaN where the scan was not asked.
    """
    parameters = plan.fill(name)
    try:
        for chosen in hole.suited(parameters):
            warm_up(chosen)
        cost = measured(lambda: hole.restored(parameters))
    except MedpaintError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - one engine's failure must not stop the others
        if is_out_of_memory(error):
            return "the engine needs more memory than there is"
        print_trace(error)
        return f"internal error: {described(error)}"
    restored = cost.result
    return Cost((restored.volume.intensities(), restored.expected_error), cost.seconds, cost.peak_mb)
