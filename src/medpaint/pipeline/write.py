"""The last step: the products are written, read back from the disk, and recorded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from medpaint.core.checksum import checksum_outside
from medpaint.core.errors import VerificationError
from medpaint.core.types import Mask
from medpaint.engines.registry import ENGINES
from medpaint.io.digest import file_digest
from medpaint.io.source import Derivation, ReadBack, Source
from medpaint.layouts.plain import Products
from medpaint.parameters import Parameters
from medpaint.pipeline.case import Blended, Restoration
from medpaint.pipeline.destination import Destination
from medpaint.record.entries import (
    Draft,
    Identity,
    InpaintEntry,
    PartEntry,
    Product,
    Record,
    Repaired,
    WriteEntry,
)
from medpaint.record.file import write_record
from medpaint.record.software import now, software

__all__ = ["failure_record", "finish", "write"]

_PLANES: Final = 64
"""Number of planes of a mask that are packed at a time: as many as the bytes that a processor reads at once."""


def write(blended: Blended, source: Source, destination: Destination, *, secret: bytes = b"") -> Restoration:
    """Write a restored scan, its mask and its record, and prove from the disk that nothing else changed.

    The products are written to a folder next to their place and moved there when all of them are complete.

    Args:
        blended: the restored scan.
        source: how the same kind of file is written.
        destination: where.
        secret: of de-identified products; empty for others.

    Raises:
        VerificationError: what is on the disk differs from what was to be written.
        InputError: the scan has changed since it was read, or cannot be written back.
    """
    started = perf_counter()
    derivation = _derivation(blended, source, secret)
    draft = _portable(blended.draft, source, destination.folder, secret)
    places = Products.of(destination.staged, destination.name, source.suffix)
    source.write(blended.volume.data, blended.mask, places.restored, derivation)
    companions = _names(destination.staged) - {places.restored.name}
    read_back = source.read_back(places.restored, blended.volume.data, blended.mask)
    warnings = source.write_mask(
        blended.mask, places.mask, places.segmentation, restored=places.restored, derivation=derivation
    )
    entry = WriteEntry(
        identity=_identity(blended, read_back.checksum),
        products=_listed(places, read_back, tuple(sorted(companions))),
        warnings=warnings,
        seconds=round(perf_counter() - started, 4),
    )
    record = _record(blended, draft, entry)
    write_record(record, places.record)
    destination.fill()
    products = Products.of(destination.folder, destination.name, source.suffix)
    return Restoration(blended.volume, blended.mask, record, products)


def finish(blended: Blended) -> Restoration:
    """Return a restored scan that is not written, with its record."""
    checksum = checksum_outside(blended.volume.data, blended.mask)
    record = _record(blended, blended.draft, WriteEntry(identity=_identity(blended, checksum)))
    return Restoration(blended.volume, blended.mask, record, None)


def failure_record(reason: str, parameters: Parameters) -> Record:
    """Return the record of a scan that could not be restored, for `reason`, one line."""
    return Record(status="failed", reason=reason, parameters=parameters, software=software(), created=now())


def _derivation(blended: Blended, source: Source, secret: bytes) -> Derivation:
    """Return what the product's header says, and the key that its identifiers derive from."""
    inpaint = blended.draft.inpaint
    engines = ", ".join(inpaint.engines) if inpaint else "none"
    return Derivation(
        description=f"medpaint: {int(np.count_nonzero(blended.mask))} voxels inpainted by engine {engines}.",
        key=_key(blended, source),
        compress=blended.draft.parameters.write.compress,
        secret=secret,
    )


def _key(blended: Blended, source: Source) -> str:
    """Return a text that is the same whenever scan, mask and all that changes voxels are the same."""
    parts = [source.sha256, source.identity, _mask_digest(blended.mask), *_changes(blended.draft)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _changes(draft: Draft) -> list[str]:
    """Return what changes the voxels of a scan with a given mask.

    A setting that is added later must add nothing at its default, so that the identifiers of other products stay.
    """
    fill, write, inpaint = draft.parameters.fill, draft.parameters.write, draft.inpaint
    if inpaint is None:
        return []
    engine = ENGINES[inpaint.engine]
    options = [f"{name}={inpaint.options[name]}" for name in sorted(inpaint.options)]
    changes = [f"engine={inpaint.engine}", *options]
    changes += [f"weights={inpaint.weights_sha256}"] if inpaint.weights_sha256 else []
    changes += [f"device={inpaint.device}"] if inpaint.device != "cpu" else []
    draws = any(ENGINES[name].draws for name in inpaint.engines)
    changes += [f"seed={fill.seed}"] if fill.seed and draws else []
    changes += [f"body_scale={inpaint.body_scale:g}"] if inpaint.body_scale != 1.0 else []
    changes += [f"revision={engine.revision}"] if engine.revision > 1 else []
    changes += [f"membrane={ENGINES['harmonic'].revision}"] if fill.membrane else []
    changes += [f"{name}={ENGINES[name].revision}" for name in _mixed_in(inpaint)]
    changes += [f"edge_mm={write.edge_mm:g}"] if write.edge_mm else []
    return changes + [change for part in inpaint.parts for change in _changes_of(part)]


def _changes_of(part: PartEntry) -> list[str]:
    """Return what changes the voxels of one part of a mask that was filled part by part."""
    options = [f"{name}={part.options[name]}" for name in sorted(part.options)]
    changes = [f"part={part.kind}", f"voxels={part.voxels}", f"engine={part.engine}", *options]
    changes += [f"weights={part.weights_sha256}", f"device={part.device}"]
    return changes + [f"{name}={ENGINES[name].revision}" for name in (part.engine, *_mixed_in(part))]


def _mixed_in(entry: InpaintEntry | PartEntry) -> list[str]:
    """Return the names of further engines that have a share in a fill."""
    shares = entry.options.get("shares", {})
    return sorted(set(shares) - {entry.engine}) if isinstance(shares, dict) else []


def _mask_digest(mask: Mask) -> str:
    """Return the hash of a mask, (I, J, K), some planes at a time, to keep no second one in memory."""
    digest = hashlib.sha256(repr(mask.shape).encode())
    occupied = np.asarray(mask.any(axis=(1, 2)))
    empty = bytes(-(-mask[0].size // 8))
    for first in range(0, mask.shape[0], _PLANES):
        part = slice(first, first + _PLANES)
        slab = np.ascontiguousarray(mask[part]) if occupied[part].any() else mask[part]
        for plane, drawn in zip(slab, occupied[part], strict=True):
            digest.update(np.packbits(plane).data if drawn else empty)
    return digest.hexdigest()


def _names(folder: Path) -> set[str]:
    """Return the names of what is in a folder."""
    return {path.name for path in folder.iterdir()}


def _listed(places: Products, restored: ReadBack, companions: tuple[str, ...]) -> tuple[Product, ...]:
    """Return the record's list of what was written."""
    listed = [
        Product(role="restored", path=places.restored.name, sha256=restored.sha256, files=companions),
        Product(role="mask", path=places.mask.name, sha256=file_digest(places.mask)),
    ]
    if places.segmentation.exists():
        digest = file_digest(places.segmentation)
        listed.append(Product(role="segmentation", path=places.segmentation.name, sha256=digest))
    return tuple(listed)


def _identity(blended: Blended, checksum: str) -> Identity:
    """Return the proof that nothing outside the mask changed.

    Raises:
        VerificationError: something did.
    """
    if checksum != blended.checksum:
        message = "voxels outside the mask differ from the scan's; nothing is written, please report this"
        raise VerificationError(message)
    kept = blended.mask.size - int(np.count_nonzero(blended.mask))
    return Identity(voxels=kept, source_sha256=blended.checksum, restored_sha256=checksum)


def _portable(draft: Draft, source: Source, folder: Path, secret: bytes) -> Draft:
    """Return the draft with its paths as seen from the record's folder, and facts that a record may contain.

    With a secret it has no paths: folders and files are often named after patients.
    """
    facts = dict(source.recorded_facts(secret))
    if secret:
        bare = draft.withheld()
        return bare.model_copy(update={"read": bare.read.model_copy(update={"facts": facts})})
    read = draft.read.model_copy(update={"path": _relative(draft.read.path, folder), "facts": facts})
    mask = draft.mask and draft.mask.model_copy(update={"path": _relative(draft.mask.path, folder)})
    return draft.model_copy(update={"read": read, "mask": mask})


def _relative(path: str, folder: Path) -> str:
    """Return `path` as seen from `folder`, with forward slashes; empty stays empty."""
    return Path(os.path.relpath(path, folder)).as_posix() if path else ""


def _record(blended: Blended, draft: Draft, entry: WriteEntry) -> Record:
    """Return the finished record."""
    voxels, size = int(np.count_nonzero(blended.mask)), blended.mask.size
    ml = round(voxels * blended.volume.voxel_ml, 6)
    entries = (draft.read, draft.mask, draft.inpaint, draft.blend, entry)
    return Record(
        status="restored" if voxels else "nothing to repair",
        repaired=Repaired(voxels=voxels, ml=ml, fraction=voxels / size),
        parameters=draft.parameters,
        read=draft.read,
        mask=draft.mask,
        inpaint=draft.inpaint,
        blend=draft.blend,
        write=entry,
        seconds=round(sum(one.seconds for one in entries if one is not None), 4),
        software=software(),
        created=now(),
    )
