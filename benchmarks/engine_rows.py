"""Rows of benchmarks/engines.py: measured hole by hole, and kept on the disk as they come."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Final

from engine_scans import Group, Scan, clean_of

import medpaint.engines
from medpaint.core.errors import MedpaintError
from medpaint.datasets.subjects import LeftOut
from medpaint.engines.choice import AUTO
from medpaint.engines.registry import ENGINES
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row, score_hole
from medpaint.evaluation.tables import read_scores, write_table
from medpaint.evaluation.warmup import WarmUp

__all__ = ["KINDS", "Measured", "RowFile", "engines_for", "expected_seconds", "measure", "title_of", "unmeasured"]

KINDS: Final = {
    "blob:0.4-2": "small",
    "lesion:8-15": "lesion",
    "lesion:30-50": "large",
    "slices:1-3": "slices",
    "edge:8-15": "block",
}
"""Kinds of holes, as `medpaint.evaluation.kinds` reads them, by their titles on the page."""

LOST_SLICES_ONLY: Final = ("resnet2d", "registered", "linear")
"""Engines that leave every other kind of hole to another engine, whose row tells it all."""

SECONDS: Final = {"exemplar": 8.0, "unet3d": 5.5, "unet2d": 5.0, "auto": 3.5, "resnet2d": 1.0}
"""First estimate of the seconds for a fill; the other engines take about `_QUICK_S`."""

_QUICK_S: Final = 0.05
_HOLE_S: Final = 1.0
"""Seconds for making a hole, and for its scores."""

Key = tuple[str, str, str, int]
"""Scan, kind, range of sizes, number of the hole."""


@dataclass(frozen=True)
class Measured:
    """What is known of a group.

    Attributes:
        rows: every fill.
        left_out: what could not be measured.
    """

    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...] = ()


class RowFile:
    """The rows of one group in a file. Those of an engine that has changed since are dropped: see `_stamp`.

    Attributes:
        path: the table; None keeps the rows in memory only.
        rows: what it has.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: list[Row] = read_scores(path) if path is not None and path.exists() else []
        before = self._stamps()
        changed = {row.engine for row in self.rows if before.get(row.engine) != _stamp(row.engine)}
        if changed:
            print(f"{path}: not used, changed since: {', '.join(sorted(changed))}", file=sys.stderr)
            self.rows = [row for row in self.rows if row.engine not in changed]

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows, and write the file."""
        self.rows += rows
        if self.path is None or not rows:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_table(self.rows, self.path)
        stamps = {engine: _stamp(engine) for engine in dict.fromkeys(row.engine for row in self.rows)}
        self.path.with_suffix(".json").write_text(json.dumps(stamps, indent=1) + "\n", encoding="utf-8")

    def forget_changed(self, scan: Scan, sha256: str) -> None:
        """Drop the rows of another version of a scan."""
        self.rows = [row for row in self.rows if row.scan != scan.name or row.sha256 == sha256]

    def done(self) -> dict[Key, set[str]]:
        """Return the engines that each hole has a row of."""
        found: dict[Key, set[str]] = {}
        for row in self.rows:
            found.setdefault((row.scan, row.kind, row.bin, row.hole), set()).add(row.engine)
        return found

    def wanted(self, plan: Plan) -> Measured:
        """Return the rows that a plan asks for, in its order."""
        kinds = {(kind.name, kind.bin): number for number, kind in enumerate(plan.kinds)}
        engines = {name: number for number, name in enumerate(plan.engines)}
        own = [
            row
            for row in self.rows
            if row.engine in engines and (row.kind, row.bin) in kinds and row.hole < plan.holes
        ]
        own.sort(key=lambda row: (row.scan, kinds[row.kind, row.bin], row.hole, engines[row.engine]))
        return Measured(tuple(own))

    def _stamps(self) -> dict[str, str]:
        """Return the versions of the engines that the rows in the file are from."""
        path = self.path.with_suffix(".json") if self.path is not None else None
        return json.loads(path.read_text(encoding="utf-8")) if path is not None and path.exists() else {}


@cache
def _stamp(engine: str) -> str:
    """Return which version of an engine is measured; `auto` has no revision and changes with all their code."""
    if engine == AUTO:
        digest = hashlib.sha256()
        for path in sorted(Path(medpaint.engines.__file__).parent.rglob("*.py")):
            digest.update(path.read_bytes())
        return " ".join([digest.hexdigest()[:12], *(_stamp(name) for name in ENGINES)])
    info = ENGINES.get(engine)
    return f"{engine}-{info.revision}-{info.weights_sha256[:8]}" if info else "gone"


def engines_for(kind: HoleKind, engines: Sequence[str]) -> tuple[str, ...]:
    """Return the engines that fill a kind of hole themselves."""
    lost_slices = kind.unit == "slices"
    return tuple(name for name in engines if lost_slices or name not in LOST_SLICES_ONLY)


def title_of(kind: HoleKind) -> str:
    """Return the title of a kind on the page."""
    return KINDS[f"{kind.name}:{kind.bin.partition(' ')[0]}"]


def _missing(
    scan: Scan, plan: Plan, done: Mapping[Key, set[str]]
) -> Iterator[tuple[HoleKind, int, tuple[str, ...]]]:
    """Yield the holes of a scan that are not measured yet, each with the engines that are missing."""
    for kind in plan.kinds:
        for number in range(plan.holes):
            there = done.get((scan.name, kind.name, kind.bin, number), set())
            engines = tuple(name for name in engines_for(kind, plan.engines) if name not in there)
            if engines:
                yield kind, number, engines


def expected_seconds(groups: Mapping[Group, RowFile], plan: Plan) -> float:
    """Return an estimate of the seconds that are still to be measured, from the rows there are where possible."""
    known: dict[tuple[str, str, str], list[float]] = {}
    for file in groups.values():
        for row in file.rows:
            known.setdefault((row.engine, row.kind, row.bin), []).append(row.seconds)
    seconds = 0.0
    for group, file in groups.items():
        done = file.done()
        for scan in group.scans:
            for kind, _, engines in _missing(scan, plan, done):
                own = [known.get((name, kind.name, kind.bin)) for name in engines]
                guesses = [SECONDS.get(name, _QUICK_S) for name in engines]
                seconds += _HOLE_S + sum(
                    mean(known) if known else guess for known, guess in zip(own, guesses, strict=True)
                )
    return seconds


def measure(group: Group, plan: Plan, data: Path, file: RowFile, warm_up: WarmUp) -> Measured:
    """Measure what a group's file does not have yet.

    Args:
        group: the scans.
        plan: holes and engines.
        data: folder of the scans.
        file: what is known; gets a row as soon as it is measured.
        warm_up: loads the engines.
    """
    left_out: list[LeftOut] = []
    for scan in group.scans:
        missing = list(_missing(scan, plan, file.done()))
        if not missing:
            continue
        try:
            clean = clean_of(scan, data)
        except MedpaintError as error:
            left_out.append(LeftOut(scan.name, "scan", str(error)))
            continue
        file.forget_changed(scan, clean.sha256)
        for kind, number, engines in _missing(scan, plan, file.done()):
            results = list(score_hole(clean, kind, number, replace(plan, engines=engines), warm_up))
            file.add([one for one in results if isinstance(one, Row)])
            left_out += [replace(one, path=scan.name) for one in results if isinstance(one, LeftOut)]
            print(scan.name, title_of(kind), number, " ".join(map(_told, results)), file=sys.stderr, flush=True)
    return replace(file.wanted(plan), left_out=tuple(left_out))


def unmeasured(group: Group, plan: Plan, file: RowFile) -> Measured:
    """Return what a group's file has, and what it lacks as left out."""
    done = file.done()
    lacking = [
        LeftOut(scan.name, f"{title_of(kind)}, {', '.join(engines)}", "not measured")
        for scan in group.scans
        for kind, _, engines in _missing(scan, plan, done)
    ]
    return replace(file.wanted(plan), left_out=tuple(lacking))


def _told(result: Row | LeftOut) -> str:
    """Return a result in a word, for people who wait."""
    return f"{result.engine} {result.psnr:.1f}" if isinstance(result, Row) else f"({result.what}: {result.reason})"
