"""Damage that is looked for and not repaired: its mask and its table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.detectors.base import Detection, Finding
from medpaint.detectors.detect import detect
from medpaint.io.atomic import hidden_folder
from medpaint.io.claims import locked, made_folder, refuse_input, refuse_inside
from medpaint.io.naming import checked_name
from medpaint.io.reading import outline, product_name, read_selected
from medpaint.io.source import Derivation
from medpaint.io.tables import read_rows, write_rows
from medpaint.masks.padding import without_padding
from medpaint.parameters import MaskParameters, Parameters

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
        overwrite: replace the files of an earlier call.

    Raises:
        InputError: the scan is refused, or files are there that must not be replaced.
        LockedError: another process is writing these files.
        WriteError: the folder cannot be written to.
    """
    if output is None:
        volume, source = read_selected(scan, parameters.read)
        detection = _detected(volume, parameters.mask)
        return Damage(volume, detection, (), (*source.warnings, *detection.warnings))
    called = checked_name(name) if name is not None else product_name(scan, parameters.read, b"")
    with _claimed(output, called, scan, overwrite=overwrite) as staged:
        volume, source = read_selected(scan, parameters.read)
        detection = _detected(volume, parameters.mask)
        found, padding = without_padding(detection.mask, volume)
        warnings = (*source.warnings, *detection.warnings, *padding)
        mask, segmentation, table = _places(staged, called)
        derivation = Derivation("medpaint: damage found, nothing repaired.", _key(source.sha256, found))
        warnings += source.write_mask(found, mask, segmentation, restored=None, derivation=derivation)
        write_rows(table, COLUMNS, rows_of(detection, volume))
    files = tuple(path for path in _places(output, called) if path.exists())
    return Damage(volume, detection, files, warnings)


def _detected(volume: Volume, drawn: MaskParameters) -> Detection:
    """Return the damage in a scan, (I, J, K)."""
    return detect(volume, sensitivity=drawn.sensitivity, repair=drawn.repair, max_fraction=drawn.max_fraction)


def _places(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Return the mask, the segmentation and the table in a folder."""
    mask, segmentation, table = (folder / f"{name}_damage{ending}" for ending in (".nii.gz", ".dcm", ".tsv"))
    return mask, segmentation, table


@contextmanager
def _claimed(folder: Path, name: str, scan: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder, whose files replace earlier ones in `folder` when the block ends without an error.

    Files that a table of findings lies beside are medpaint's own; others are never replaced. The table is put in
    place last.

    Raises:
        InputError: files are there that must not be replaced.
        LockedError: another process is writing these files.
        WriteError: the folder cannot be written to.
    """
    places = _places(folder, name)
    inputs = (scan, *outline(scan).files)
    refuse_inside(folder, scan)
    with made_folder(folder), locked(folder, name), hidden_folder(folder) as staged:
        for path in places:
            refuse_input(path, inputs)
        _refuse_taken(places, overwrite=overwrite)
        yield staged
        _refuse_taken(places, overwrite=overwrite)
        for path, made in zip(places, _places(staged, name), strict=True):
            if made.exists():
                made.replace(path)
            else:
                path.unlink(missing_ok=True)


def _refuse_taken(places: tuple[Path, Path, Path], *, overwrite: bool) -> None:
    """Refuse to replace what is there, unless it is medpaint's own and may be overwritten."""
    taken = next((path for path in places if path.exists() or path.is_symlink()), None)
    if taken is None:
        return
    if not overwrite:
        message = f"{taken} is there already: choose another output folder or name, or --overwrite"
        raise InputError(message)
    try:
        read_rows(places[-1], columns=COLUMNS, required=COLUMNS, what="a table of findings")
    except MedpaintError as error:
        message = (
            f"{taken} is there already, and no table of findings says that medpaint wrote it: move it away, or "
            "choose another output folder or name"
        )
        raise InputError(message) from error


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


def _key(sha256: str, mask: Mask) -> str:
    """Return a text that is the same for the same scan and mask."""
    return hashlib.sha256(f"damage\n{sha256}\n".encode() + np.packbits(mask).tobytes()).hexdigest()
