"""Hold products against their records, from the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.geometry import index_map
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.reading import product_part, read_scan
from medpaint.pipeline.write import RECORD_SUFFIX
from medpaint.core.checksum import checksum_outside
from medpaint.record.entries import Product, Record

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


def verify(path: str | Path) -> Verdict:
    """Check what the record at `path` claims of its products, from the disk.

    The products must be there with the recorded hashes, on the scan's grid; the restored scan's voxels outside
    the mask must have the recorded checksum, and equal the scan's where that can still be found; the mask must
    have the recorded number of voxels and volume. What cannot be seen from the files is taken at its word: engine,
    parameters, versions, times.
    """
    path = Path(path)
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
    except (MedpaintError, OSError, ValueError) as error:
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
    ending = "_mask" if path.name.endswith("_mask.nii.gz") else "_restored"
    stem, found, _ = path.name.rpartition(ending)
    record = path.with_name(f"{stem}{RECORD_SUFFIX}")
    if found and record.exists():
        return [record]
    return sorted(path.rglob(f"*{RECORD_SUFFIX}")) if path.is_dir() else []


def _check_products(record: Record, folder: Path, problems: list[str], notes: list[str]) -> None:
    """Check the products of a record against it, and the scan where it is found."""
    roles = sorted(product.role for product in record.products if product.role != "segmentation")
    if roles != ["mask", "restored"] or record.scan is None:
        problems.append("the record does not name a scan and one product of each kind")
        return
    by_role = {product.role: product for product in record.products}
    paths = {role: folder / product.path for role, product in by_role.items()}
    missing = [path.name for path in paths.values() if not path.exists()]
    problems += [f"{name} is missing" for name in missing]
    if missing:
        return
    frame = record.parameters.get("frame")
    mask_volume, mask_source = read_scan(paths["mask"])
    part = product_part(record.parameters.get("series"))
    restored, source = read_scan(paths["restored"], frame=frame if isinstance(frame, int) else None, series=part)
    problems += _wrong_hash(by_role["restored"], source.sha256) + _wrong_hash(by_role["mask"], mask_source.sha256)
    if mask_volume.shape != restored.shape or not _same_grid(mask_volume, restored):
        problems.append("the mask is not on the restored scan's grid")
        return
    mask = mask_volume.data != 0
    if "segmentation" in paths:
        problems += _wrong_segmentation(by_role["segmentation"], paths["segmentation"], restored, mask)
    problems += _wrong_numbers(record, restored, mask)
    _check_scan(record, folder, restored, mask, problems, notes)


def _wrong_hash(product: Product, sha256: str) -> list[str]:
    """Say so where a product's hash is not the recorded one."""
    return (
        [] if sha256 == product.sha256 else [f"{product.path} is not the file that was written: its hash differs"]
    )


def _wrong_segmentation(product: Product, path: Path, restored: Volume, mask: Mask) -> list[str]:
    """Say what of the mask's DICOM segmentation is not as recorded."""
    from medpaint.io.dicom import read_drawn

    drawn = read_drawn(path, restored, "", ())
    if not np.array_equal(drawn.mask, mask):
        return [*_wrong_hash(product, drawn.sha256), f"{product.path} is not the mask that was applied"]
    return _wrong_hash(product, drawn.sha256)


def _wrong_numbers(record: Record, restored: Volume, mask: Mask) -> list[str]:
    """Say which of the record's numbers do not follow from the products."""
    if record.repaired is None or record.identity is None or record.mask is None:
        return ["the record does not say what was repaired and what was kept"]
    masked = int(np.count_nonzero(mask))
    problems = []
    if {record.repaired.voxels, record.mask.voxels, mask.size - record.identity.voxels} != {masked}:
        problems.append(f"the mask has {masked} voxels, the record says {record.repaired.voxels}")
    told = (record.repaired.ml, record.repaired.fraction)
    if not np.allclose(told, (masked * restored.voxel_ml, masked / mask.size), rtol=1e-3, atol=1e-6):
        problems.append("the repaired volume in the record is not the mask's")
    if (record.status == "nothing to repair") != (masked == 0):
        problems.append(f"the record says {record.status!r}, the mask has {masked} voxels")
    found = checksum_outside(restored.data, mask)
    if {record.identity.source_sha256, record.identity.restored_sha256} != {found}:
        problems.append("voxels outside the mask are not those of the scan")
    return problems


def _check_scan(
    record: Record, folder: Path, restored: Volume, mask: Mask, problems: list[str], notes: list[str]
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
        path,
        frame=frame if isinstance(frame, int) else None,
        series=series if isinstance(series, str) else None,
        absent_slices=record.parameters.get("absent_slices") is True,
    )
    if source.sha256 != record.scan.sha256:
        problems.append(f"the scan {record.scan.path} is not the one that was restored: its hash differs")
    elif scan.shape != restored.shape or not _same_grid(scan, restored):
        problems.append("the restored scan is not on the scan's grid")
    else:
        same = (scan.data == restored.data) | _both_nan(scan.data, restored.data) | mask
        changed = same.size - int(np.count_nonzero(same))
        if changed:
            problems.append(f"{changed} voxels outside the mask differ from the scan")


def _same_grid(first: Volume, second: Volume) -> bool:
    """Return whether two volumes of one shape lie at one place."""
    mapping = index_map(first.affine, second.affine, first.shape)
    return mapping is not None and np.array_equal(mapping, np.eye(4))


def _both_nan(first: Array, second: Array) -> Mask | bool:
    """Return where both are NaN; their bits are the checksum's business."""
    return np.isnan(first) & np.isnan(second) if first.dtype.kind == "f" else False
