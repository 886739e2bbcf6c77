"""Hold products against their records, from the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.types import Array, Mask
from medpaint.export import RECORD_SUFFIX
from medpaint.io.digest import file_digest
from medpaint.io.reading import read_scan
from medpaint.provenance import Product, Record, checksum_outside

__all__ = ["Verdict", "find_records", "verify"]


@dataclass(frozen=True)
class Verdict:
    """What one record's products were found to be.

    Attributes:
        record: the record.
        status: the record's own status.
        problems: what does not hold, a sentence each; empty where all holds.
        notes: what could not be checked, or was not there to check.
    """

    record: Path
    status: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verify(path: Path) -> Verdict:
    """Check everything that the record at `path` claims.

    The products must be there with the recorded hashes; the restored scan's voxels outside the mask must have
    the recorded checksum, and so must the scan's where it can still be found; the mask must have the recorded
    number of voxels.
    """
    try:
        record = Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        return Verdict(path, "unreadable", (f"not a record: {type(error).__name__}",))
    if record.status == "failed":
        return Verdict(path, record.status, (), (f"failed, nothing to check: {record.reason}",))
    problems: list[str] = []
    notes: list[str] = []
    try:
        _check_products(record, path.parent, problems, notes)
    except MedpaintError as error:
        problems.append(str(error))
    return Verdict(path, record.status, tuple(problems), tuple(notes))


def find_records(paths: Iterable[Path]) -> list[Path]:
    """Return the records that `paths` name: records, products beside one, or folders that hold some.

    Raises:
        InputError: a path is not there, or has no record.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            message = f"{path}: no such file or folder"
            raise InputError(message)
        records = _records_of(path)
        if not records:
            message = (
                f"{path}: expected a record (NAME{RECORD_SUFFIX}), a product beside one, or a folder with some"
            )
            raise InputError(message)
        found += records
    return list(dict.fromkeys(found))


def _records_of(path: Path) -> list[Path]:
    """Return the records that one path names."""
    if path.name.endswith(RECORD_SUFFIX):
        return [path]
    for ending in ("_restored", "_mask"):
        stem, found, _ = path.name.rpartition(ending)
        record = path.with_name(f"{stem}{RECORD_SUFFIX}")
        if found and record.exists():
            return [record]
    return sorted(path.rglob(f"*{RECORD_SUFFIX}")) if path.is_dir() else []


def _check_products(record: Record, folder: Path, problems: list[str], notes: list[str]) -> None:
    """Check the products of a record against it, and the scan where it is found."""
    by_role = {product.role: product for product in record.products}
    if "restored" not in by_role or "mask" not in by_role or record.identity is None or record.scan is None:
        problems.append("the record names no products")
        return
    paths = {role: folder / product.path for role, product in by_role.items()}
    missing = [path for path in paths.values() if not path.exists()]
    problems += [f"{path.name} is missing" for path in missing]
    if missing:
        return
    frame = record.parameters.get("frame")
    frame = frame if isinstance(frame, int) else None
    mask_volume, _ = read_scan(paths["mask"])
    restored, source = read_scan(paths["restored"], frame=frame)
    _compare(by_role["restored"], source.sha256, problems)
    _compare(by_role["mask"], file_digest(paths["mask"]), problems)
    mask = mask_volume.data != 0
    if mask.shape != restored.shape:
        problems.append(f"mask has shape {mask.shape}, the restored scan {restored.shape}")
        return
    masked = int(np.count_nonzero(mask))
    if record.repaired is not None and masked != record.repaired.voxels:
        problems.append(f"the mask has {masked} voxels, the record says {record.repaired.voxels}")
    if checksum_outside(restored.data, mask) != record.identity.source_sha256:
        problems.append("voxels outside the mask are not those of the scan")
    _check_scan(record, folder, restored.data, mask, problems, notes)


def _check_scan(
    record: Record, folder: Path, restored: Array, mask: Mask, problems: list[str], notes: list[str]
) -> None:
    """Compare the product with the scan itself, where that is found unchanged."""
    if record.scan is None:
        return
    path = folder / record.scan.path
    if not path.exists():
        notes.append(f"the scan is not at {record.scan.path}: compared by checksum alone")
        return
    frame, series = record.parameters.get("frame"), record.parameters.get("series")
    scan, source = read_scan(
        path, frame=frame if isinstance(frame, int) else None, series=series if isinstance(series, str) else None
    )
    if source.sha256 != record.scan.sha256:
        problems.append(f"the scan {record.scan.path} is not the one that was restored: its hash differs")
        return
    changed = int(np.count_nonzero((scan.data != restored) & ~mask & ~_both_nan(scan.data, restored)))
    if changed:
        problems.append(f"{changed} voxels outside the mask differ from the scan")


def _both_nan(first: Array, second: Array) -> Mask | bool:
    """Return where both are NaN; bits are the checksum's business."""
    return np.isnan(first) & np.isnan(second) if first.dtype.kind == "f" else False


def _compare(product: Product, sha256: str, problems: list[str]) -> None:
    """Note a product whose hash is not the recorded one."""
    if sha256 != product.sha256:
        problems.append(f"{product.path} is not the file that was written: its hash differs")
