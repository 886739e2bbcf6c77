"""Products on disk: the restored scan, the mask that was applied, and the record beside them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from medpaint.core.errors import InputError, UnsupportedError, UsageError, VerificationError
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import file_digest
from medpaint.io.nifti import write_mask
from medpaint.io.private import keyed_name, read_secret
from medpaint.io.reading import product_part, read_scan
from medpaint.io.source import Derivation, Source
from medpaint.parameters import SCAN_ID
from medpaint.core.checksum import checksum_outside
from medpaint.record.entries import Draft, Identity, Product, Record, Repaired
from medpaint.record.software import now, software

__all__ = ["RECORD_SUFFIX", "Products", "product_name", "write_failure", "write_products", "write_record"]

RECORD_SUFFIX = "_record.json"


_KINDS_END: Final = re.compile(
    r"(\.nii)?(\.gz)?$|\.(nrrd|nhdr|mha|mhd|dcm|ima|zip|tgz|tbz2|txz)$|\.tar(\.gz|\.bz2|\.xz)?$", re.IGNORECASE
)
"""What the names of images and archives end in."""


@dataclass(frozen=True)
class Products:
    """Where the products of one scan lie.

    Attributes:
        restored: the restored scan: a file, or the folder of a DICOM series.
        mask: the mask that was applied, NIfTI.
        segmentation: the same as a DICOM segmentation; written beside a restored DICOM series only.
        record: the JSON that says what made them; written last, so products without one are unfinished.
    """

    restored: Path
    mask: Path
    segmentation: Path
    record: Path

    @classmethod
    def of(cls, output: Path, name: str, suffix: str) -> Products:
        """Return the paths for the scan called `name`."""
        return cls(
            restored=output / f"{name}_restored{suffix}",
            mask=output / f"{name}_mask.nii.gz",
            segmentation=output / f"{name}_mask.dcm",
            record=output / f"{name}{RECORD_SUFFIX}",
        )


def product_name(path: Path, name: str | None = None) -> str:
    """Return what the products of a scan are called: `name`, or the scan's own without its suffixes.

    Raises:
        UsageError: the name holds anything but letters, digits, dots, dashes and underscores.
    """
    if name is None:
        own = _KINDS_END.sub("", path.resolve().name)
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", own).strip(".-") or "scan"
    if not re.fullmatch(SCAN_ID, name):
        message = f"expected a name of letters, digits, dots, dashes and underscores, got {name!r}"
        raise UsageError(message)
    return name


def write_products(
    restored: Volume,
    mask: Mask,
    before: str,
    source: Source | None,
    draft: Draft,
    *,
    output: Path | None,
    name: str | None = None,
    overwrite: bool = False,
) -> tuple[Record, Products | None]:
    """Write a restored scan, its mask and its record, and prove from the disk that nothing else changed.

    Args:
        restored: the scan as it is to be written.
        mask: True = repaired, (I, J, K).
        before: checksum outside the mask of the scan as it was read.
        source: how to write the same kind of file; None for arrays, which are not written.
        draft: the record so far.
        output: folder of the products; None: only the record is made.
        name: what the products are called.
        overwrite: replace finished products.

    Raises:
        InputError: the products are there already, or would replace the scan itself.
        VerificationError: what lies on the disk is not what was to be written.
    """
    started = perf_counter()
    if source is None or output is None:
        after = checksum_outside(restored.data, mask)
        return _record(restored, mask, draft, (before, after), ()), None
    derivation = _derivation(draft, mask)
    products = Products.of(output, _name_for(source, name, derivation.secret), source.suffix)
    _make_folder(output)
    _check_target(products, source, draft.mask.path, overwrite=overwrite)
    products.record.unlink(missing_ok=True)
    source.write(restored.data, mask, products.restored, derivation)
    write_mask(mask, restored.affine, products.mask)
    after, restored_sha256 = _reread(source, products.restored, restored.data, mask, draft)
    segmentation, warnings = _segmentation(source, mask, products, derivation)
    written = (
        Product(role="restored", path=products.restored.name, sha256=restored_sha256),
        Product(role="mask", path=products.mask.name, sha256=file_digest(products.mask)),
        *segmentation,
    )
    draft = draft.after("write", perf_counter() - started, warnings=draft.warnings + warnings)
    draft = _unlinked(_with_paths(draft, output), derivation.secret)
    record = _record(restored, mask, draft, (before, after), written)
    write_record(record, products.record)
    return record, products


def _name_for(source: Source, name: str | None, secret: bytes) -> str:
    """Return what the products are called: where they shall name nobody, not by the name of a file or folder."""
    if name is None and secret and source.kind == "dicom":
        return keyed_name(secret, f"{source.facts['series_uid']} {source.facts.get('part', '')}".strip())
    return product_name(source.path, name)


def write_failure(reason: str, parameters: dict[str, Any], output: Path, name: str) -> Record:
    """Write the record of a scan that could not be restored, and remove what an earlier run made of it.

    Args:
        reason: one line.
        parameters: what was asked for.
        output: folder of this scan's products.
        name: what they are called.
    """
    products = Products.of(output, product_name(output, name), "")
    _make_folder(output)
    products.record.unlink(missing_ok=True)
    for stale in (
        products.restored,
        products.mask,
        products.segmentation,
        *output.glob(f"{products.restored.name}.*"),
    ):
        if stale.is_dir():
            shutil.rmtree(stale)
        else:
            stale.unlink(missing_ok=True)
    record = Record.model_validate(
        {"status": "failed", "reason": reason, "parameters": parameters, "software": software(), "created": now()}
    )
    write_record(record, products.record)
    return record


def write_record(record: Record, path: Path) -> None:
    """Write a record, whole or not at all."""
    with replacing(path) as part:
        part.write_text(record.to_json(), encoding="utf-8")


def _check_target(products: Products, source: Source, mask: str, *, overwrite: bool) -> None:
    """Refuse to touch what was read, and without `overwrite` anything that is there."""
    folder = products.restored.parent.resolve()
    for path in (*source.files, *([Path(mask)] if mask else [])):
        taken = path.resolve()
        same_name = taken.name.split(".")[0] == products.restored.name.split(".")[0]
        own = {products.mask.name, products.segmentation.name, products.record.name}
        if taken.parent == folder and (same_name or taken.name in own):
            message = f"a product would replace {path}; choose another output folder or name"
            raise InputError(message)
    origin = source.path.resolve()
    if origin.is_dir() and (origin == folder or origin in folder.parents):
        message = f"{folder} lies among the files of the series; choose another output folder"
        raise InputError(message)
    made = [products.restored, products.mask, products.record]
    if source.kind == "dicom":
        made.append(products.segmentation)
    there = [path for path in made if path.exists()]
    if there and not overwrite:
        message = f"{there[0]} is there already: choose another output folder, or --overwrite"
        raise InputError(message)


def _make_folder(output: Path) -> None:
    """Make the folder of the products, or say why not."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{output}: expected a folder that can be written to: {error.strerror}"
        raise InputError(message) from error


def _segmentation(
    source: Source, mask: Mask, products: Products, derivation: Derivation
) -> tuple[tuple[Product, ...], tuple[str, ...]]:
    """Write the mask of a DICOM series as one that refers to it, where that is possible; and say why it is not."""
    if source.kind != "dicom":
        return (), ()
    path = products.segmentation
    path.unlink(missing_ok=True)
    if not mask.any():
        return (), ()
    from medpaint.io.dicom import DicomSource, write_segmentation

    if not isinstance(source, DicomSource):
        message = f"expected the source of a DICOM series, got {type(source).__name__}"
        raise TypeError(message)
    try:
        write_segmentation(source, mask, path, derivation, restored=products.restored)
    except UnsupportedError as error:
        return (), (str(error),)
    return (Product(role="segmentation", path=path.name, sha256=file_digest(path)),), ()


def _derivation(draft: Draft, mask: Mask) -> Derivation:
    """Return what the product's header says, and the key that its identifiers derive from."""
    engine = draft.engine.name if draft.engine else "none"
    secret = draft.parameters.get("deidentify")
    parts = [
        draft.scan.sha256,
        _mask_digest(mask),
        repr(sorted((name, value) for name, value in draft.parameters.items() if name != "deidentify")),
    ]
    return Derivation(
        description=f"medpaint: {int(np.count_nonzero(mask))} voxels inpainted by engine {engine}.",
        key=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        compress=str(draft.parameters.get("compress", "none")),
        secret=read_secret(Path(secret)) if isinstance(secret, str) and secret else b"",
    )


def _mask_digest(mask: Mask) -> str:
    """Return the hash of a mask, (I, J, K), plane by plane so that no second one is in memory."""
    digest = hashlib.sha256(repr(mask.shape).encode())
    for plane in mask:
        digest.update(np.packbits(plane).data)
    return digest.hexdigest()


def _reread(source: Source, path: Path, data: Array, mask: Mask, draft: Draft) -> tuple[str, str]:
    """Return the checksum outside the mask and the hash of the product as it lies on the disk."""
    frame, part = draft.parameters.get("frame"), product_part(draft.parameters.get("series"))
    if source.kind == "dicom":
        from medpaint.io.dicom import differing_slices

        differing, sha256 = differing_slices(path, data, series=part)
        found, same = data, differing == 0
    else:
        volume, written = read_scan(path, frame=frame if isinstance(frame, int) else None)
        found, sha256 = volume.data, written.sha256
        same = np.array_equal(found, data, equal_nan=data.dtype.kind == "f")
    if not same:
        message = f"{path}: what was written does not read back the same"
        raise VerificationError(message)
    return checksum_outside(found, mask), sha256


def _with_paths(draft: Draft, output: Path) -> Draft:
    """Return the draft with its paths relative to the record's folder."""
    return draft.model_copy(
        update={
            "scan": draft.scan.model_copy(update={"path": _relative(draft.scan.path, output)}),
            "mask": draft.mask.model_copy(update={"path": _relative(draft.mask.path, output)}),
        }
    )


def _unlinked(draft: Draft, secret: bytes) -> Draft:
    """Return the draft with the identifier of a series as it is in de-identified products."""
    series = draft.scan.facts.get("series_uid")
    if not secret or not isinstance(series, str):
        return draft
    from medpaint.io.dicom import replaced_uid

    facts = {**draft.scan.facts, "series_uid": str(replaced_uid(series, secret))}
    return draft.model_copy(update={"scan": draft.scan.model_copy(update={"facts": facts})})


def _relative(path: str, folder: Path) -> str:
    """Return `path` as seen from `folder`, with forward slashes; empty stays empty."""
    return Path(os.path.relpath(path, folder)).as_posix() if path else ""


def _record(
    scan: Volume, mask: Mask, draft: Draft, checksums: tuple[str, str], products: tuple[Product, ...]
) -> Record:
    """Return the finished record."""
    voxels = int(np.count_nonzero(mask))
    repaired = Repaired(voxels=voxels, ml=round(voxels * scan.voxel_ml, 6), fraction=voxels / mask.size)
    identity = Identity(voxels=mask.size - voxels, source_sha256=checksums[0], restored_sha256=checksums[1])
    return Record(
        status="restored" if voxels else "nothing to repair",
        scan=draft.scan,
        mask=draft.mask,
        parameters=draft.parameters,
        engine=draft.engine,
        repaired=repaired,
        seam=draft.seam,
        identity=identity,
        products=products,
        steps=draft.steps,
        seconds=round(sum(step.seconds for step in draft.steps), 4),
        warnings=draft.warnings,
        software=software(),
        created=now(),
    )
