"""Check products against their records, from the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medpaint.audit.find import products_beside
from medpaint.audit.places import Roots, refuse_other_shape, refuse_outside
from medpaint.core.checksum import checksum_outside
from medpaint.core.crash import described
from medpaint.core.errors import MedpaintError, UnreadableError
from medpaint.core.geometry import index_map
from medpaint.core.text import one_line
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.reading import read_mask, read_selected
from medpaint.io.selection import Selection
from medpaint.record.entries import Product, Record
from medpaint.record.file import read_record

__all__ = ["Verdict", "verify"]


@dataclass(frozen=True)
class Verdict:
    """What checking one record's products showed.

    Attributes:
        record: the record.
        status: the record's own status.
        problems: what is wrong, a sentence each; empty where nothing is.
        notes: what could not be checked, or was not there to check.
    """

    record: Path
    status: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no problem was found."""
        return not self.problems


@dataclass(frozen=True, eq=False)
class _Restored:
    """The products of a record, as they are on the disk."""

    volume: Volume
    mask: Mask


def verify(path: str | Path, *, within: Iterable[str | Path] | None = None) -> Verdict:
    """Check what the record at `path` claims about its products, from the disk.

    The products must be there with the recorded hashes, on the scan's grid; the restored scan's voxels outside
    the mask must have the recorded checksum, and equal the scan's where that can still be found; the mask must
    have the recorded number of voxels and volume. What the files cannot show is taken on trust: engine,
    parameters, versions, times.

    Args:
        path: the record.
        within: folders in which the scan and the mask may lie; the current one and the record's by default.
            Nothing outside them is opened, wherever the paths in the record or links lead.
    """
    path = Path(path)
    if not path.exists():
        named = ", ".join(one.name for one in products_beside(path))
        what = f"no record of {named}" if named else "no record"
        return Verdict(
            path, "unfinished", (f"{what}: unfinished, or the record was deleted; restore the scan again",)
        )
    roots = Roots.of(map(Path, (".", path) if within is None else within))
    try:
        record = read_record(path)
    except UnreadableError as error:
        return Verdict(path, "unreadable", (str(error).removeprefix(f"{one_line(str(path))}: "),))
    problems: list[str] = []
    notes: list[str] = []
    try:
        if record.status == "failed":
            _check_failure(record, path, problems, notes)
        else:
            _check_products(record, path.parent, roots, problems, notes)
    except (MedpaintError, OSError, ValueError) as error:
        problems.append(str(error))
    except MemoryError:
        problems.append("the products need more memory than this machine has")
    except ArithmeticError:
        problems.append("a number in the record is out of range")
    except Exception as error:  # noqa: BLE001 - one record must not stop the check of the others
        problems.append(f"internal error, please report it: {described(error)}")
    return Verdict(path, record.status, tuple(problems), tuple(notes))


def _check_failure(record: Record, path: Path, problems: list[str], notes: list[str]) -> None:
    """Check that nothing claims to be a product of a scan that failed."""
    notes.append(f"failed, nothing to check: {record.reason}")
    problems += [
        f"the record says that the scan failed, but {product.name} is there" for product in products_beside(path)
    ]


def _check_products(record: Record, folder: Path, roots: Roots, problems: list[str], notes: list[str]) -> None:
    """Check the products of a record against it, and the scan where it is found."""
    by_role = {product.role: product for product in record.products}
    steps = {"read": record.read, "mask": record.mask, "write": record.write}
    absent = [step for step, entry in steps.items() if entry is None]
    problems += [f"the record has no entry of the step {step}" for step in absent]
    if not {"restored", "mask"} <= set(by_role) or len(by_role) < len(record.products):
        problems.append("the record does not name one product of each kind")
        return
    missing = [product.path for product in record.products if not (folder / product.path).exists()]
    problems += [f"{name} is missing" for name in missing]
    outside = () if missing else tuple(refuse_outside(record.products, folder))
    problems += outside
    if missing or outside or absent:
        return
    for role in ("restored", "mask"):
        refuse_other_shape(folder / by_role[role].path, record)
    restored, source = read_selected(folder / by_role["restored"].path, record.parameters.read.in_product())
    drawn, mask_source = read_selected(folder / by_role["mask"].path, Selection())
    problems += _wrong_hash(by_role["restored"], source.sha256)
    problems += _wrong_hash(by_role["mask"], mask_source.sha256)
    if drawn.shape != restored.shape or not _same_grid(drawn, restored):
        problems.append("the mask is not on the restored scan's grid")
        return
    products = _Restored(restored, drawn.data != 0)
    if "segmentation" in by_role:
        problems += _wrong_segmentation(by_role["segmentation"], folder, products)
    problems += _wrong_numbers(record, products)
    _check_scan(record, folder, roots, products, problems, notes)
    _check_mask(record, folder, roots, products, problems, notes)


def _wrong_hash(product: Product, sha256: str) -> list[str]:
    """Report a product whose hash is not the recorded one."""
    return (
        [] if sha256 == product.sha256 else [f"{product.path} is not the file that was written: its hash differs"]
    )


def _wrong_segmentation(product: Product, folder: Path, products: _Restored) -> list[str]:
    """Report how the mask in the scan's own format differs from the record."""
    drawn = read_mask(folder / product.path, products.volume, None, ())
    problems = _wrong_hash(product, drawn.sha256)
    if not np.array_equal(drawn.values != 0, products.mask):
        problems.append(f"{product.path} is not the mask that was applied")
    return problems


def _wrong_numbers(record: Record, products: _Restored) -> list[str]:
    """Report the record's numbers that do not follow from the products."""
    if record.repaired is None or record.write is None or record.mask is None:
        return ["the record does not say what was repaired and what was kept"]
    mask, identity = products.mask, record.write.identity
    masked = int(np.count_nonzero(mask))
    problems = list(_wrong_counts(record, masked, mask.size - identity.voxels))
    shown = (record.repaired.ml, record.repaired.fraction)
    if not np.allclose(shown, (masked * products.volume.voxel_ml, masked / mask.size), rtol=1e-3, atol=1e-6):
        problems.append("the repaired volume in the record is not the mask's")
    found = checksum_outside(products.volume.data, mask)
    if {identity.source_sha256, identity.restored_sha256} != {found}:
        problems.append("voxels outside the mask are not those of the scan")
    return problems


def _wrong_counts(record: Record, masked: int, replaced: int) -> Iterator[str]:
    """Yield what the record counts differently from the mask."""
    counts = {
        record.repaired.voxels if record.repaired else -1,
        record.mask.voxels if record.mask else -1,
        replaced,
    }
    if counts != {masked}:
        yield f"the mask has {masked} voxels, the record says {', '.join(map(str, sorted(counts - {masked})))}"
    filled = sum(record.inpaint.filled_by.values()) if record.inpaint else 0
    if filled and filled != masked:
        yield f"the mask has {masked} voxels, the record says what filled {filled}"
    parts = record.inpaint.parts if record.inpaint else ()
    if parts and sum(one.voxels for one in parts) != masked:
        yield f"the mask has {masked} voxels, the parts in the record {sum(one.voxels for one in parts)}"
    if any(sum(one.filled_by.values()) != one.voxels for one in parts):
        yield "the record says of a part of the mask that something filled more or fewer voxels than it has"
    if masked and record.inpaint is None:
        yield "the record does not say what filled the mask"
    if (record.status == "nothing to repair") != (masked == 0):
        yield f"the record says {record.status!r}, the mask has {masked} voxels"


def _check_scan(
    record: Record, folder: Path, roots: Roots, products: _Restored, problems: list[str], notes: list[str]
) -> None:
    """Compare the product with the scan itself, if the scan is there and unchanged."""
    if record.read is None:
        return
    path, why = roots.find(folder, record.read.path)
    if path is None:
        notes.append(f"the scan {why}: compared by checksum alone")
        return
    scan, source = read_selected(path, record.parameters.read)
    restored = products.volume
    if source.sha256 != record.read.sha256:
        problems.append(f"the scan {record.read.path} is not the one that was restored: its hash differs")
    elif scan.shape != restored.shape or not _same_grid(scan, restored):
        problems.append("the restored scan is not on the scan's grid")
    else:
        same = (scan.data == restored.data) | _both_nan(scan.data, restored.data) | products.mask
        changed = same.size - int(np.count_nonzero(same))
        if changed:
            problems.append(f"{changed} voxels outside the mask differ from the scan")


def _check_mask(
    record: Record, folder: Path, roots: Roots, products: _Restored, problems: list[str], notes: list[str]
) -> None:
    """Compare the mask that was given with what was read then, where it is still there."""
    if record.mask is None or record.mask.origin != "file":
        return
    path, why = roots.find(folder, record.mask.path)
    if path is None:
        notes.append(f"the given mask {why}: not compared")
    elif read_mask(path, products.volume, None, record.parameters.mask.labels).sha256 != record.mask.sha256:
        problems.append(f"the mask {record.mask.path} is not the one that was given: its hash differs")


def _same_grid(first: Volume, second: Volume) -> bool:
    """Return whether two volumes of the same shape are on the same grid."""
    mapping = index_map(first.affine, second.affine, first.shape)
    return mapping is not None and np.array_equal(mapping, np.eye(4))


def _both_nan(first: Array, second: Array) -> Mask | bool:
    """Return where both are NaN; the checksum compares their bits."""
    return np.isnan(first) & np.isnan(second) if first.dtype.kind == "f" else False
