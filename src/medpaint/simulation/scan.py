"""A clean scan on the disk, damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from medpaint.core.errors import UnsupportedError
from medpaint.core.volume import Volume
from medpaint.corrupt.artefacts.table import Artefact
from medpaint.corrupt.base import Damaged
from medpaint.io.digest import file_digest
from medpaint.io.naming import checked_name, own_name
from medpaint.io.reading import outline, read_scan
from medpaint.io.source import Derivation, Source
from medpaint.record.software import software
from medpaint.simulation.places import Place, claimed_place
from medpaint.simulation.record import DamageProduct, DamageRecord, DamageSource

__all__ = ["damage_file", "read_undamaged", "write_damaged"]


def damage_file(
    path: Path,
    artefact: Artefact,
    severity: float,
    seed: int,
    *,
    output: Path,
    name: str | None = None,
    frame: int | None = None,
    overwrite: bool = False,
) -> tuple[DamageRecord, Place]:
    """Damage a scan, and write it with its truth and its record.

    Args:
        path: a NIfTI, NRRD or MetaImage file.
        artefact: the kind of damage.
        severity: from 0, barely visible, to 1, gross.
        seed: decides the rest.
        output: folder of the files; created if missing.
        name: what they are called; None: the scan's name.
        frame: which frame of a 4D scan, from 0.
        overwrite: replace the files of an earlier call.

    Returns:
        The record, and where the files are.

    Raises:
        UnsupportedError: a DICOM series.
        InputError: the scan cannot be read or damaged in this way, or files are there already.
        UsageError: a name, severity or seed that is not allowed.
    """
    name = own_name(path) if name is None else checked_name(name)
    volume, source = read_undamaged(path, frame)
    with claimed_place(output, name, source.suffix, inputs=source.files, overwrite=overwrite) as staged:
        record = write_damaged(volume, source, artefact(volume, severity, seed), staged)
    return record, Place.of(output, name, source.suffix)


def read_undamaged(path: Path, frame: int | None = None) -> tuple[Volume, Source]:
    """Read a scan that a damaged copy can be made of.

    Raises:
        UnsupportedError: a DICOM series.
        InputError: the scan cannot be read.
    """
    if "" in outline(path).endings:
        message = (
            f"{path}: expected a NIfTI, NRRD or MetaImage file, got DICOM, in which no damaged copy is written, "
            "because a server would show it as the patient's: convert the scan to NIfTI first"
        )
        raise UnsupportedError(message)
    return read_scan(path, frame=frame)


def write_damaged(volume: Volume, source: Source, damaged: Damaged, place: Place) -> DamageRecord:
    """Write a damaged scan, its truth and its record, and check the scan from the disk.

    Args:
        volume: the clean scan, (I, J, K).
        source: what it was read from.
        damaged: the damaged scan.
        place: the files; nothing is there yet.

    Raises:
        VerificationError: what is on the disk differs from what was to be written.
        MedpaintError: it cannot be written.
    """
    data = damaged.volume.data
    differs = damaged.mask | ((data != volume.data) & ~(np.isnan(data) & np.isnan(volume.data)))
    key = hashlib.sha256(f"{source.identity}\n{sorted(damaged.facts.items())}".encode()).hexdigest()
    derivation = Derivation(description=f"medpaint: damaged on purpose: {damaged.facts['kind']}.", key=key)
    others = _names(place.damaged.parent) | {place.damaged.name}
    source.write(data, differs, place.damaged, derivation)
    companions = sorted(_names(place.damaged.parent) - others)
    written = source.read_back(place.damaged, data, differs)
    source.write_mask(
        damaged.mask, place.truth, place.truth.with_suffix(".dcm"), restored=place.damaged, derivation=derivation
    )
    record = DamageRecord(
        source=_described(volume, source),
        damage=dict(damaged.facts),
        products=(
            DamageProduct(role="damaged", path=place.damaged.name, sha256=written.sha256, files=tuple(companions)),
            DamageProduct(role="truth", path=place.truth.name, sha256=file_digest(place.truth)),
        ),
        software=software(),
    )
    place.record.write_text(record.to_json(), encoding="utf-8")
    return record


def _names(folder: Path) -> set[str]:
    """Return the names of what is in a folder."""
    return {path.name for path in folder.iterdir()}


def _described(volume: Volume, source: Source) -> DamageSource:
    """Return what the record says about the clean scan."""
    return DamageSource(
        name=source.path.name,
        sha256=source.sha256,
        kind=source.kind,
        shape=volume.shape,
        spacing_mm=volume.spacing_mm,
        dtype=volume.data.dtype.name,
        frame=source.selection.frame,
    )
