"""How good fills are: holes in clean scans, filled by engines, scored against what was there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import numpy as np

from medpaint.core.crash import described, tell
from medpaint.core.errors import MedpaintError
from medpaint.core.types import Progress
from medpaint.corrupt import LesionShape
from medpaint.datasets.clean import Clean, read_clean
from medpaint.datasets.subjects import LeftOut, Subject
from medpaint.engines.base import Engine
from medpaint.engines.choice import Effort, options_for
from medpaint.engines.membrane import Membrane
from medpaint.engines.registry import load_engine
from medpaint.evaluation.cost import measured
from medpaint.evaluation.hole import trial_in
from medpaint.evaluation.kinds import HoleKind

__all__ = ["REFERENCE", "Plan", "Row", "engine_of", "evaluate"]

REFERENCE: Final = "harmonic"
"""Engine that errors are set in relation to; it is run on every hole, asked for or not."""


@dataclass(frozen=True)
class Plan:
    """What is done with each scan.

    Attributes:
        engines: what fills the holes.
        kinds: what holes are made.
        holes: how many of each kind in a scan.
        seed: decides the holes, and goes to the engines.
        shapes: lesions for the kind ``lesion``.
        membrane: close the gap at the border of each fill, as the parameter of that name does.
        effort: how much time the engine ``auto`` and those of networks may take.
        excluded: persons and hashes that must not be scored, such as those of the training.
    """

    engines: tuple[str, ...]
    kinds: tuple[HoleKind, ...]
    holes: int = 1
    seed: int = 0
    shapes: Sequence[LesionShape] = ()
    membrane: bool = False
    effort: Effort = "fast"
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Row:
    """One engine on one hole in one scan. The scores are described at `medpaint.evaluation.scores.Scores`.

    Attributes:
        person: whose scan it is.
        scan: its name.
        sha256: hash of the scan.
        kind: kind of hole.
        bin: range of sizes that the hole's was drawn from.
        hole: its number in the scan, from 0.
        hole_ml: volume of the mask.
        scored_ml: volume of the tissue in it, where the scores are taken.
        engine: what filled it.
        psnr: decibels, BraTS protocol.
        ssim: BraTS protocol.
        ssim3d: in space.
        mae: in the units of the scan.
        rmse: in the units of the scan.
        rmse_vs_harmonic: `rmse` divided by that of the harmonic engine on the same hole.
        seam: step across the border relative to those beside it.
        seconds: for the fill, without loading the engine.
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
    seam: float
    seconds: float
    peak_mb: float


def evaluate(
    subjects: Sequence[Subject | LeftOut], plan: Plan, *, progress: Progress | None = None
) -> Iterator[Row | LeftOut]:
    """Score every engine on holes in clean scans.

    The holes depend on the plan's seed, the content of the scan and the kind, and on nothing else: a scan has the
    same ones alone and among others, and every engine gets the same.

    Args:
        subjects: the scans; what was left out already is passed on.
        plan: what is done with each.
        progress: told the scan and the fraction of all fills done.

    Yields:
        A row for each engine on each hole; or what was left out, and why.

    Raises:
        UsageError: there is no such engine, or a package for it is missing.
    """
    names = tuple(dict.fromkeys((REFERENCE, *plan.engines)))
    engines = {name: engine_of(name, plan) for name in names}
    for engine in engines.values():
        _warm_up(engine)
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
                yield from _on_hole(clean, kind, hole, plan, engines)
    if progress is not None:
        progress("scored", 1.0)


def engine_of(name: str, plan: Plan) -> Engine:
    """Return an engine as the plan wants it.

    Raises:
        UsageError: there is no such engine, or a package for it is missing.
    """
    engine = load_engine(name, **options_for(name, plan.effort))
    return Membrane(engine) if plan.membrane else engine


def _on_hole(
    clean: Clean, kind: HoleKind, hole: int, plan: Plan, engines: Mapping[str, Engine]
) -> Iterator[Row | LeftOut]:
    """Yield the rows of one hole."""
    path, what = str(clean.subject.path), f"{kind.name} {kind.bin}"
    try:
        trial = trial_in(clean, kind, hole, seed=plan.seed, shapes=plan.shapes)
    except MedpaintError as error:
        yield LeftOut(path, what, str(error))
        return
    found: dict[str, Row | LeftOut] = {}
    reference = np.nan
    for name, engine in engines.items():
        try:
            work = measured(partial(trial.restored, engine, plan.seed))
        except MedpaintError as error:
            found[name] = LeftOut(path, f"{what}, {name}", str(error))
            continue
        except Exception as error:  # noqa: BLE001 - one engine's fault must not stop the others
            tell(error)
            found[name] = LeftOut(path, f"{what}, {name}", f"internal error: {described(error)}")
            continue
        scores = trial.yardstick.scores(work.result.intensities())
        reference = scores.rmse if name == REFERENCE else reference
        found[name] = Row(
            person=clean.subject.person,
            scan=clean.subject.scan,
            sha256=clean.sha256,
            kind=kind.name,
            bin=kind.bin,
            hole=hole,
            hole_ml=float(np.count_nonzero(trial.yardstick.mask)) * clean.volume.voxel_ml,
            scored_ml=float(np.count_nonzero(trial.yardstick.scored)) * clean.volume.voxel_ml,
            engine=name,
            rmse_vs_harmonic=scores.rmse / reference if reference else np.nan,
            seconds=work.seconds,
            peak_mb=work.peak_mb,
            **asdict(scores),
        )
    yield from (found[name] for name in plan.engines)


def _warm_up(engine: Engine) -> None:
    """Have an engine load what it loads on first use, so that it is not measured."""
    image = np.linspace(0.0, 1.0, 512, dtype=np.float32).reshape(8, 8, 8)
    mask = np.zeros((8, 8, 8), dtype=bool)
    mask[3:5, 3:5, 3:5] = True
    engine.fill(image, mask, spacing_mm=(1.0, 1.0, 1.0), seed=0)
