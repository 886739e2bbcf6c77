"""Damage that is looked for and not repaired: its mask and its table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.volume import Volume
from medpaint.detectors.base import Detection, Finding
from medpaint.detectors.detect import detect
from medpaint.io.naming import checked_name
from medpaint.io.reading import product_name, read_selected
from medpaint.io.source import Derivation
from medpaint.io.tables import write_rows
from medpaint.parameters import Parameters

__all__ = ["COLUMNS", "Damage", "find_damage", "ml_of", "rows_of"]

COLUMNS: Final = ("kind", "detector", "axis", "slices", "ml", "score", "scores", "in_mask", "why")
"""Columns of the table of findings."""


@dataclass(frozen=True, eq=False)
class Damage:
    """What was found in a scan.

    Attributes:
        volume: the scan, (I, J, K).
        detection: the damage.
        files: what was written; empty if nothing was.
        warnings: what was noticed, a sentence each.
    """

    volume: Volume
    detection: Detection
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def find_damage(
    scan: Path,
    parameters: Parameters,
    *,
    output: Path | None,
    name: str | None = None,
    overwrite: bool = False,
) -> Damage:
    """Look for damage in a scan, and write its mask and its table.

    Args:
        scan: a file, or the folder or archive of a DICOM series; not changed.
        parameters: which volume of it, sensitivity, and the detectors whose findings go into the mask.
        output: folder of the files; None: nothing is written.
        name: what they are called; the scan's own name by default.
        overwrite: replace existing files.

    Raises:
        InputError: the scan is refused, or files are there already.
    """
    places: tuple[Path, ...] = ()
    if output is not None:
        called = checked_name(name) if name is not None else product_name(scan, parameters.read, b"")
        places = tuple(output / f"{called}_damage{ending}" for ending in (".nii.gz", ".dcm", ".tsv"))
        taken = next((path for path in places if path.exists() and not overwrite), None)
        if taken is not None:
            message = f"{taken} is there already: choose another output folder or name, or --overwrite"
            raise InputError(message)
    volume, source = read_selected(scan, parameters.read)
    drawn = parameters.mask
    detection = detect(volume, sensitivity=drawn.sensitivity, repair=drawn.repair, max_fraction=drawn.max_fraction)
    warnings = (*source.warnings, *detection.warnings)
    if not places:
        return Damage(volume, detection, (), warnings)
    mask, segmentation, table = places
    segmentation.unlink(missing_ok=True)
    derivation = Derivation("medpaint: damage found, nothing repaired.", _key(source.sha256, detection))
    warnings += source.write_mask(detection.mask, mask, segmentation, restored=None, derivation=derivation)
    write_rows(table, COLUMNS, rows_of(detection, volume))
    return Damage(volume, detection, tuple(path for path in places if path.exists()), warnings)


def rows_of(detection: Detection, volume: Volume) -> Iterator[dict[str, object]]:
    """Yield the rows of the table, one for each finding; slices are counted from 0."""
    for finding in detection.findings:
        yield {
            "kind": finding.kind,
            "detector": finding.detector,
            "axis": finding.axis,
            "slices": " ".join(map(str, finding.slices)),
            "ml": f"{ml_of(finding, volume):.3f}",
            "score": f"{finding.score:.3f}",
            "scores": " ".join(f"{score:.3f}" for score in finding.scores),
            "in_mask": "yes" if finding.filled else "no" if finding.repairable else "no, filling cannot repair it",
            "why": finding.why,
        }


def ml_of(finding: Finding, volume: Volume) -> float:
    """Return the volume of a finding."""
    return int(np.count_nonzero(finding.mask)) * volume.voxel_ml


def _key(sha256: str, detection: Detection) -> str:
    """Return a text that is the same for the same scan and mask."""
    packed = np.packbits(detection.mask).tobytes()
    return hashlib.sha256(f"damage\n{sha256}\n".encode() + packed).hexdigest()
