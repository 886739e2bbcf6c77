"""The scans of a training: their persons, the part that they belong to, and their intensities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.orientation import Orientation
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.datasets.clean import read_clean
from medpaint.datasets.subjects import Subject
from medpaint.phantoms import head
from medpaint.training.recipe import Recipe, Source
from medpaint.training.synthesis import deformed, synthesised

__all__ = ["Part", "Scan", "Skipped", "Whole", "find_scans", "read_whole"]

Part = Literal["training", "validation"]

_PHANTOMS: Final = 12
"""Number of synthetic heads for a training without scans; the last quarter are for validation."""

_PHANTOM_SHAPE: Final = (64, 72, 56)
_PHANTOM_MM: Final = 1.5


@dataclass(frozen=True)
class Scan:
    """A scan to make pairs from.

    Attributes:
        subject: the file; for a synthetic head the path is empty, and the name ends with its number.
        source: its source in the recipe; None for a synthetic head.
        person: who was scanned, as SOURCE/PERSON.
        part: training or validation.
        sha256: hash of the file; empty for a synthetic head.
    """

    subject: Subject
    source: Source | None
    person: str
    part: Part
    sha256: str


@dataclass(frozen=True)
class Skipped:
    """A file or case that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Whole:
    """The content of a scan, with its axes pointing right, anterior, superior.

    Attributes:
        truth: intensities, finite, (I, J, K).
        tissue: where holes may be made, (I, J, K).
        spacing_mm: voxel size along I, J, K.
    """

    truth: FloatArray
    tissue: Mask
    spacing_mm: Spacing


def find_scans(recipe: Recipe, data: Path) -> tuple[list[Scan], list[Skipped]]:
    """Return the scans of a recipe, without those of held-out persons, and the skipped files.

    Each file is opened once, so that unreadable ones are found before the training starts.

    Raises:
        InputError: no scans for training or for validation.
    """
    if not recipe.sources:
        return _heads(recipe.seed), []
    scans: list[Scan] = []
    skipped: list[Skipped] = []
    for source in recipe.sources:
        paths = sorted({path for pattern in source.images for path in data.glob(pattern) if path.is_file()})
        if not paths:
            skipped.append(Skipped(str(data / source.images[0]), f"source {source.name}: no such file"))
        for path in paths:
            person = f"{source.name}/{_person(path, source)}"
            if person in recipe.held_out:
                continue
            part: Part = "validation" if person in recipe.validation else "training"
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            scan = Scan(
                Subject.of(path, person=person, avoid=_avoided(path, source, data)), source, person, part, digest
            )
            try:
                _opened(scan)
            except (MedpaintError, OSError) as error:
                skipped.append(Skipped(str(path), str(error)))
            else:
                scans.append(scan)
    for part in ("training", "validation"):
        if not any(scan.part == part for scan in scans):
            reasons = "".join(f"; {one.path}: {one.reason}" for one in skipped[:3])
            message = f"expected scans for {part} below {data}, got none{reasons}"
            raise InputError(message)
    return scans, skipped


def read_whole(scan: Scan, data: Path, *, seed: int) -> Whole:
    """Read a scan, or synthesise it.

    Args:
        scan: which one.
        data: folder of the data.
        seed: determines what is synthesised.

    Raises:
        InputError: it cannot be used.
    """
    if scan.source is None:
        return _head(int(scan.subject.scan.rpartition("-")[2]))
    whole = _opened(scan)
    if not scan.source.label_maps:
        return whole
    box = bounding_box(whole.truth > 0.0)
    if box is None:
        message = f"{scan.subject.path}: expected labels, got none"
        raise InputError(message)
    labels = whole.truth[grown(box, (8, 8, 8), whole.truth.shape)]
    labels = deformed(labels, whole.spacing_mm, seed=seed)
    truth = synthesised(labels, whole.spacing_mm, _classes(scan.source, data), seed=seed)
    return Whole(truth, labels > 0.0, whole.spacing_mm)


def _opened(scan: Scan) -> Whole:
    """Read a file, and turn its axes to right, anterior, superior."""
    clean = read_clean(scan.subject)
    turn = Orientation.of(clean.volume.affine)
    truth = np.ascontiguousarray(turn.turned(clean.truth), dtype=np.float32)
    if not np.isfinite(truth).all():
        message = f"{scan.subject.path}: expected finite intensities, got NaN or infinity"
        raise InputError(message)
    return Whole(truth, np.ascontiguousarray(turn.turned(clean.tissue)), turn.spacing(clean.volume.spacing_mm))


def _person(path: Path, source: Source) -> str:
    """Return the name of the person whose scan a file is."""
    if source.person == "file":
        return Subject.of(path).person
    return path.parent.name if source.person == "folder" else path.parent.parent.name


def _avoided(path: Path, source: Source, data: Path) -> Path | None:
    """Return the mask of tissue that is not healthy in a scan, if the source names one."""
    folder = str(path.parent.relative_to(data))
    return data / source.avoid.replace("{folder}", folder) if source.avoid else None


def _classes(source: Source, data: Path) -> dict[int, int]:
    """Return the class of each label; empty where each label is its own class."""
    if source.classes is None:
        return {}
    labels, classes = (np.load(data / path, allow_pickle=False) for path in source.classes)
    return {int(one): int(of) for one, of in zip(labels, classes, strict=True)}


def _head(number: int) -> Whole:
    """Return the synthetic head of a number."""
    spacing = (_PHANTOM_MM, _PHANTOM_MM, _PHANTOM_MM)
    noise = np.random.default_rng(number).normal(0.0, 0.02, _PHANTOM_SHAPE).astype(np.float32)
    truth = head(_PHANTOM_SHAPE, spacing) + noise
    return Whole(truth, truth > 0.1, spacing)


def _heads(seed: int) -> list[Scan]:
    """Return the synthetic heads of a training without scans."""
    scans = []
    for number in range(_PHANTOMS):
        name = f"head-{seed + number}"
        part: Part = "validation" if 4 * number >= 3 * _PHANTOMS else "training"
        scans.append(Scan(Subject(Path(), name, name), None, f"synthetic/{name}", part, ""))
    return scans
