"""The second step: the mask of a scan, from a file, from an array, or by detection; always on the scan's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Literal

import numpy as np

from medpaint.core.errors import MaskError
from medpaint.core.geometry import checked_affine
from medpaint.core.text import distinct_digits
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.detectors.base import Finding
from medpaint.detectors.detect import detect
from medpaint.io.mask_image import MaskImage, mask_warnings, numbered
from medpaint.io.memory import given, path_of
from medpaint.io.reading import read_mask
from medpaint.masks.checks import check_against_scan
from medpaint.masks.dilation import dilated
from medpaint.masks.labels import binarised
from medpaint.masks.padding import without_padding
from medpaint.masks.positions import Positioned, placed
from medpaint.parameters import MaskParameters
from medpaint.pipeline.case import Case, MaskLike, Scan
from medpaint.record.entries import FindingEntry, MaskEntry

__all__ = ["mask_scan"]

RESAMPLING_SHARE: Final = 0.1
"""A mask whose volume changes by more than this share when it is resampled gets a warning."""


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A mask on the scan's grid, before it is grown, and where it came from; see `MaskEntry`."""

    mask: Mask
    origin: Literal["file", "detected", "array"]
    path: str = ""
    sha256: str = ""
    grid: str = "same grid"
    findings: tuple[FindingEntry, ...] = ()
    warnings: tuple[str, ...] = ()


def mask_scan(scan: Scan, mask: MaskLike, parameters: MaskParameters) -> Case:
    """Find out what is to be repaired in a scan.

    Args:
        scan: the scan.
        mask: see `MaskLike`.
        parameters: labels, polarity, growth, and what is allowed.

    Raises:
        InputError: the mask is refused.
        UsageError: labels that the mask cannot have.
    """
    started = perf_counter()
    volume, source = scan.volume, scan.source
    drawn = _drawn(scan, mask, parameters)
    found = drawn.mask  # an array of its own, whatever it was drawn in
    if parameters.dilate_mm > 0:
        found = dilated(found, volume.spacing_mm, parameters.dilate_mm)
    absent = source.absent if source is not None else ()
    if absent:
        found[:, :, list(absent)] = True
    found, padding = without_padding(found, volume, absent=absent)
    warnings = drawn.warnings + padding
    if found.any():
        warnings += check_against_scan(found, volume, max_fraction=parameters.max_fraction)
    else:
        left = any(not finding.filled for finding in drawn.findings)
        warnings += (f"the mask is empty: nothing {'is filled' if left else 'to repair'}",)
    entry = MaskEntry(
        origin=drawn.origin,
        path=drawn.path,
        sha256=drawn.sha256,
        grid=drawn.grid,
        findings=drawn.findings,
        voxels=int(np.count_nonzero(found)),
        warnings=warnings,
        seconds=round(perf_counter() - started, 4),
    )
    return Case(volume, found, scan.draft.masked(entry, parameters))


def _drawn(scan: Scan, mask: MaskLike, parameters: MaskParameters) -> _Drawn:
    """Return the mask before it is grown and checked."""
    if mask is None:
        return _detected(scan.volume, parameters)
    path = path_of(mask, "mask")
    if path is not None:
        read = read_mask(path, scan.volume, scan.source, parameters.labels, positions=scan.positions)
        return _placed(read, scan, parameters, path)
    found = given(mask, "mask")
    if found.affine is not None:
        scaled = (found.slope, found.intercept) != (1.0, 0.0)
        values = found.values * found.slope + found.intercept if scaled else found.values
        image = MaskImage(
            values,
            checked_affine(found.affine),
            sha256="",
            warnings=mask_warnings(found.warnings),
            labels=numbered(parameters.labels),
            positions=found.positions,
        )
        return _placed(image, scan, parameters)
    if found.values.shape != scan.volume.shape:
        message = f"expected a mask of the scan's shape {scan.volume.shape}, got {found.values.shape}"
        raise MaskError(message)
    return _Drawn(binarised(found.values, numbered(parameters.labels), invert=parameters.invert_mask), "array")


def _placed(read: MaskImage, scan: Scan, parameters: MaskParameters, path: Path | None = None) -> _Drawn:
    """Return a mask that has a place, on the scan's grid."""
    drawn = binarised(read.values, read.labels, invert=parameters.invert_mask)
    mask = Positioned(drawn, read.affine, read.positions)
    found, grid, placing = placed(mask, scan.volume, scan.positions, resample=parameters.resample_mask)
    warnings = read.warnings + placing
    if grid == "resampled":
        voxel_ml = float(abs(np.linalg.det(read.affine[:3, :3]))) / 1000.0
        before, after = (
            int(np.count_nonzero(drawn)) * voxel_ml,
            int(np.count_nonzero(found)) * scan.volume.voxel_ml,
        )
        warnings += _check_resampling(before, after)
    if path is None:
        return _Drawn(found, "array", grid=grid, warnings=warnings)
    return _Drawn(found, "file", path=str(path), sha256=read.sha256, grid=grid, warnings=warnings)


def _detected(volume: Volume, parameters: MaskParameters) -> _Drawn:
    """Return the mask of the damage that detection finds and that is to be filled.

    Raises:
        MaskError: it covers too much of the scan.
    """
    detection = detect(
        volume,
        sensitivity=parameters.sensitivity,
        repair=parameters.repair,
        max_fraction=parameters.max_fraction,
    )
    if detection.refused:
        message = f"{detection.refused}; raise --max-fraction if this is intended"
        raise MaskError(message)
    findings = tuple(_entry(found, volume) for found in detection.findings)
    warnings = tuple(_left(found, parameters.repair) for found in detection.findings if not found.filled)
    return _Drawn(detection.mask, "detected", findings=findings, warnings=detection.warnings + warnings)


def _entry(found: Finding, volume: Volume) -> FindingEntry:
    """Return the record's entry of a finding."""
    voxels = int(np.count_nonzero(found.mask))
    return FindingEntry(
        kind=found.kind,
        voxels=voxels,
        axis=found.axis,
        slices=found.slices,
        score=found.score,
        why=found.why,
        detector=found.detector,
        ml=round(voxels * volume.voxel_ml, 6),
        scores=found.scores,
        repairable=found.repairable,
        filled=found.filled,
    )


def _left(found: Finding, repair: Sequence[str]) -> str:
    """Return the warning about damage that was found and is not filled."""
    remedy = "filling cannot repair it"
    if found.repairable:
        remedy = f"--repair {' '.join([*repair, found.detector])} fills it too"
    return f"found and not filled: {found.kind}, {found.where}: {found.why}; {remedy}"


def _check_resampling(before_ml: float, after_ml: float) -> tuple[str, ...]:
    """Warn where resampling changed the mask's volume a lot; refuse a mask that it moved off the scan."""
    if before_ml > 0.0 and after_ml == 0.0:
        message = f"mask and scan do not overlap: nothing is left of {before_ml:.3g} ml after resampling"
        raise MaskError(message)
    if abs(after_ml - before_ml) <= RESAMPLING_SHARE * before_ml:
        return ()
    before, after = distinct_digits(before_ml, after_ml), distinct_digits(after_ml, before_ml)
    return (f"resampling changed the mask from {before} to {after} ml",)
