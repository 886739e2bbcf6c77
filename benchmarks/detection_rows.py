"""Rows of benchmarks/detection.py: measured scan by scan, and kept on the disk as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Final
from zlib import crc32

import numpy as np
from detection_scans import Scan

from medpaint.core.errors import MedpaintError
from medpaint.core.types import Mask
from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.detectors.base import Detection, Sensitivity
from medpaint.detectors.detect import detect
from medpaint.io.reading import read_scan

__all__ = ["CLEAN", "Row", "RowFile", "measured"]

CLEAN: Final = "clean"
"""Kind of the rows of scans that were not damaged."""


@dataclass(frozen=True)
class Row:
    """What was found in one scan.

    Attributes:
        scan: its file, below the data.
        person: who was scanned.
        group: body and contrast.
        is_reported: whether the person is held out for the report.
        kind: artefact, or `CLEAN`.
        variant: of the artefact.
        severity: of the artefact, from 0 to 1.
        seed: of the artefact.
        sensitivity: of the detection.
        found: detectors with findings.
        slices: number of slices along the axis of the damage.
        damaged: how many of them are damaged.
        hit: how many of these have a voxel in a finding.
        false_slices: how many undamaged ones have one.
        dice: of the union of findings that filling can repair with the damage.
        seconds: CPU time of the detection.
    """

    scan: str
    person: str
    group: str
    is_reported: bool
    kind: str
    variant: str
    severity: float
    seed: int
    sensitivity: Sensitivity
    found: tuple[str, ...]
    slices: int
    damaged: int
    hit: int
    false_slices: int
    dice: float
    seconds: float

    @property
    def key(self) -> tuple[str, str, float, int, str]:
        """What distinguishes the row from others."""
        return self.scan, self.kind, self.severity, self.seed, self.sensitivity


class RowFile:
    """A file of rows, JSON line by line.

    Attributes:
        rows: what it holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows = [Row(**{**line, "found": tuple(line["found"])}) for line in map(json.loads, lines)]

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def measured(
    scan: Scan, data: Path, plan: list[tuple[str, float, int]], sensitivity: Sensitivity, known: set[object]
) -> Iterator[Row]:
    """Yield the rows of a scan: undamaged, and damaged by each kind, severity and seed that it can have."""
    name = str(scan.path.relative_to(data))
    todo = [entry for entry in plan if (name, *entry, sensitivity) not in known]
    if not todo:
        return
    volume, _ = read_scan(scan.path, series=scan.series)
    for kind, severity, seed in todo:
        damaged, truth, variant, axis = volume, np.zeros(volume.shape, np.bool_), "", None
        if kind != CLEAN:
            try:
                made = ARTEFACTS[kind](volume, severity, _own_seed(name, seed))
            except MedpaintError:
                continue
            damaged, truth, variant = made.volume, made.mask, str(made.facts.get("variant", ""))
            axis = "IJK".find(str(made.facts["axis"])) if "axis" in made.facts else None
        started = process_time()
        detection = detect(damaged, sensitivity=sensitivity)
        seconds = process_time() - started
        counts = _counts(detection, truth, int(np.argmax(volume.spacing_mm)) if axis is None else axis)
        yield Row(
            scan=name,
            person=scan.person,
            group=scan.group,
            is_reported=scan.is_reported,
            kind=kind,
            variant=variant,
            severity=severity,
            seed=seed,
            sensitivity=sensitivity,
            found=tuple(dict.fromkeys(finding.detector for finding in detection.findings)),
            **counts,
            dice=_dice(detection, truth),
            seconds=round(seconds, 3),
        )


def _own_seed(name: str, seed: int) -> int:
    """Return a seed that differs from scan to scan, so that damage lies in different places."""
    return 1000 * seed + crc32(name.encode()) % 1000


def _counts(detection: Detection, truth: Mask, axis: int) -> dict[str, int]:
    """Return how many slices are damaged, found, and found in vain."""
    others = tuple(other for other in range(3) if other != axis)
    found = np.zeros(truth.shape, np.bool_)
    for finding in detection.findings:
        found |= finding.mask
    is_damaged, is_found = truth.any(axis=others), found.any(axis=others)
    return {
        "slices": int(is_damaged.size),
        "damaged": int(is_damaged.sum()),
        "hit": int((is_damaged & is_found).sum()),
        "false_slices": int((~is_damaged & is_found).sum()),
    }


def _dice(detection: Detection, truth: Mask) -> float:
    """Return the overlap of the repairable findings with the damage; 1 where there is neither."""
    found = np.zeros(truth.shape, np.bool_)
    for finding in detection.findings:
        if finding.repairable:
            found |= finding.mask
    total = int(truth.sum()) + int(found.sum())
    return round(2.0 * int((truth & found).sum()) / total, 4) if total else 1.0
