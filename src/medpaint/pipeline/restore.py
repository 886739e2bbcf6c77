"""The way of the data: read, mask, inpaint, blend, write. `restore` composes the steps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from medpaint.blend import alpha_in_mask, blended
from medpaint.core.boxes import bounding_box, grown
from medpaint.core.errors import UsageError
from medpaint.core.types import Mask, Progress
from medpaint.core.volume import Volume
from medpaint.engines.choice import chosen
from medpaint.engines.filling import engine_facts, engine_for, fill
from medpaint.io.private import read_secret
from medpaint.io.reading import read_scan
from medpaint.io.source import Source
from medpaint.masks.checks import check_against_scan
from medpaint.masks.dilation import dilated
from medpaint.metrics.seam import REACH, seam_score
from medpaint.parameters import Parameters, checked
from medpaint.pipeline.case import Case, Filled, ScanLike
from medpaint.pipeline.mask import MaskLike, mask_for
from medpaint.pipeline.write import Products, product_name, write_products
from medpaint.core.checksum import checksum_outside
from medpaint.record.entries import Draft, MaskFacts, Record, ScanFacts

__all__ = ["Restoration", "blend", "ingest", "inpaint", "restore"]


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored scan.

    Attributes:
        volume: the scan with the filled voxels blended in; outside the mask bit for bit the scan.
        mask: True = repaired, (I, J, K).
        record: what made it.
        products: where it was written; None where it was not.
    """

    volume: Volume
    mask: Mask
    record: Record
    products: Products | None


def restore(
    scan: ScanLike,
    mask: MaskLike = None,
    *,
    output: str | Path | None = None,
    name: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 - checked against Parameters
) -> Restoration:
    """Restore one scan.

    Args:
        scan: a file, the folder or archive of a DICOM series, a `Volume`, or an array (I, J, K) on a 1 mm grid.
        mask: a file, or an array (I, J, K) on the scan's grid, True = repair; None: look for missing slices
            and non-finite voxels.
        output: folder for the restored scan, its mask and its record; None: nothing is written.
        name: what the products are called; the scan's own name by default.
        overwrite: replace products that are there.
        progress: told the step and the fraction done.
        **options: the fields of `medpaint.Parameters`: engine, seed, edge_mm, labels, dilate_mm, ...

    Returns:
        The restored scan with its record.

    Raises:
        InputError: scan or mask is refused; the subclass and the message say why.
        UsageError: an unknown option or engine, or an array that should be written.
    """
    parameters = checked(options)
    if output is not None and not isinstance(scan, str | Path):
        message = "an array has no file kind to be written as: leave output out, or pass the path of a scan"
        raise UsageError(message)
    if output is not None and isinstance(scan, str | Path):
        product_name(Path(scan), name)  # so that a bad one is refused before the work
    _refuse_idle(scan, mask, parameters)
    case = ingest(scan, mask, parameters, progress=progress)
    filled = inpaint(case, parameters, progress=progress)
    return blend(case, filled, parameters, output=output, name=name, overwrite=overwrite, progress=progress)


def _refuse_idle(scan: ScanLike, mask: MaskLike, parameters: Parameters) -> None:
    """Refuse options that would have no effect, or could not have it."""
    if mask is None and (parameters.labels or parameters.invert_mask or parameters.resample_mask):
        message = "labels, invert_mask and resample_mask are for a mask, but none was given"
        raise UsageError(message)
    if parameters.deidentify:
        read_secret(Path(parameters.deidentify))  # so that it is not missed in the end
    if not isinstance(scan, str | Path) and (parameters.frame is not None or parameters.series is not None):
        message = "frame and series are for files, but the scan is an array"
        raise UsageError(message)


def ingest(scan: ScanLike, mask: MaskLike, parameters: Parameters, *, progress: Progress | None = None) -> Case:
    """Read a scan and get its mask: from a file, an array, or by detection.

    Raises:
        InputError: scan or mask is refused.
    """
    _tell(progress, "read", 0.0)
    started = perf_counter()
    volume, source = _volume(scan, parameters)
    draft = Draft(
        scan=_scan_facts(volume, source),
        mask=MaskFacts(origin="array", voxels=0),
        parameters=parameters.model_dump(mode="json"),
        warnings=source.warnings if source else (),
    ).after("read", perf_counter() - started)
    _tell(progress, "mask", 0.0)
    started = perf_counter()
    found, facts, warnings = mask_for(mask, volume, source, parameters)
    found = dilated(found, volume.spacing_mm, parameters.dilate_mm)
    warnings += _leave_padding(found, volume)
    if source is not None and source.absent:
        found[:, :, list(source.absent)] = True
    if found.any():
        warnings += check_against_scan(found, volume, max_fraction=parameters.max_fraction)
    else:
        warnings += ("the mask is empty: nothing to repair",)
    facts = facts.model_copy(update={"voxels": int(np.count_nonzero(found))})
    draft = draft.after("mask", perf_counter() - started, mask=facts, warnings=draft.warnings + warnings)
    return Case(volume, found, source, draft)


def _leave_padding(mask: Mask, volume: Volume) -> tuple[str, ...]:
    """Take voxels that hold no image out of a mask, in place; say how many there were."""
    box = bounding_box(mask)
    if box is None or volume.encoding.padding is None:
        return ()
    padded = mask[box] & volume.encoding.is_padding(volume.data[box])
    mask[box] &= ~padded
    count = int(np.count_nonzero(padded))
    return (
        (f"{count} voxels of the mask are padding, which holds no image, and stay as they are",) if count else ()
    )


def inpaint(case: Case, parameters: Parameters, *, progress: Progress | None = None) -> Filled:
    """Fill the mask of a case with the engine that `parameters` name.

    Raises:
        UsageError: there is no such engine.
    """
    started = perf_counter()
    choice = chosen(parameters.engine, case.mask, case.volume.spacing_mm, effort=parameters.effort)
    engine = engine_for(choice, parameters)
    draft = case.draft.model_copy(update={"parameters": parameters.model_dump(mode="json")})
    values, count = fill(case.volume, case.mask, engine, seed=parameters.seed, progress=progress)
    if not count:
        return Filled(case.mask, values, draft)
    facts = engine_facts(choice, engine, count)
    return Filled(case.mask, values, draft.after("inpaint", perf_counter() - started, engine=facts))


def blend(
    case: Case,
    filled: Filled,
    parameters: Parameters,
    *,
    output: str | Path | None = None,
    name: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restoration:
    """Blend what was filled into the scan, and write it where `output` says so.

    The case is used up: the voxels of a scan that was read from a file, which nobody else holds, are changed in
    place.
    """
    _tell(progress, "blend", 0.0)
    started = perf_counter()
    alpha = alpha_in_mask(filled.mask, case.volume.spacing_mm, parameters.edge_mm)
    faint: tuple[str, ...] = ()
    if alpha.size and alpha.max() < 1.0:
        faint = (
            f"the soft edge is wider than the mask: the fill weighs {alpha.max():.2g} at most, the scan the rest",
        )
    before = checksum_outside(case.volume.data, filled.mask)
    data = blended(case.volume, filled.mask, filled.values, alpha, in_place=case.source is not None)
    volume = replace(case.volume, data=data)
    draft = filled.draft.model_copy(update={"parameters": parameters.model_dump(mode="json")})
    draft = draft.model_copy(update={"warnings": draft.warnings + faint})
    draft = draft.after("blend", perf_counter() - started, seam=_seam(volume, filled.mask))
    _tell(progress, "write", 0.0)
    record, products = write_products(
        volume,
        filled.mask,
        before,
        case.source,
        draft,
        output=None if output is None else Path(output),
        name=name,
        overwrite=overwrite,
    )
    _tell(progress, "write", 1.0)
    return Restoration(volume, filled.mask, record, products)


def _seam(restored: Volume, mask: Mask) -> float | None:
    """Return the seam score, rounded; None where there is none."""
    box = bounding_box(mask)
    if box is None:
        return None
    window = grown(box, (REACH, REACH, REACH), mask.shape)
    score = seam_score(restored.intensities(window), mask[window], restored.spacing_mm)
    return round(score, 4) if np.isfinite(score) else None


def _volume(scan: ScanLike, parameters: Parameters) -> tuple[Volume, Source | None]:
    """Return the scan as a volume, and its source where it has one."""
    if isinstance(scan, Volume):
        return scan, None
    if isinstance(scan, str | Path):
        return read_scan(
            Path(scan),
            frame=parameters.frame,
            series=parameters.series,
            absent_slices=parameters.absent_slices,
        )
    array = np.asarray(scan)
    return Volume.of(array[..., np.newaxis] if array.ndim == 2 else array), None


def _scan_facts(volume: Volume, source: Source | None) -> ScanFacts:
    """Return what the record says of the scan."""
    content = (
        hashlib.sha256(np.ascontiguousarray(volume.data).data).hexdigest() if source is None else source.sha256
    )
    return ScanFacts(
        path="" if source is None else str(source.path),
        sha256=content,
        kind="array" if source is None else source.kind,
        shape=volume.shape,
        spacing_mm=volume.spacing_mm,
        dtype=volume.data.dtype.name,
        facts={} if source is None else dict(source.facts),
    )


def _tell(progress: Progress | None, step: str, fraction: float) -> None:
    """Pass progress on to whoever listens."""
    if progress is not None:
        progress(step, fraction)
