"""The mask of a scan: from a file, from an array, or by detection; always on the scan's grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import AmbiguousError, MaskError, UsageError
from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.detectors.detect import detect
from medpaint.io.reading import read_scan
from medpaint.io.sniff import kind_of
from medpaint.io.source import Source
from medpaint.masks.grids import aligned
from medpaint.masks.labels import binarised
from medpaint.parameters import Parameters
from medpaint.record.entries import MaskFacts

__all__ = ["MaskLike", "mask_for"]

RESAMPLING_SHARE: Final = 0.1
"""A mask whose volume changes by more when it is resampled is worth a warning."""

MaskLike: TypeAlias = str | Path | Array | None


def mask_for(
    mask: MaskLike, volume: Volume, source: Source | None, parameters: Parameters
) -> tuple[Mask, MaskFacts, tuple[str, ...]]:
    """Return the mask of a scan on its grid, where it came from, and warnings.

    Args:
        mask: a file, an array on the scan's grid, or None to look for damage.
        volume: the scan.
        source: where the scan came from; None for an array.
        parameters: labels, polarity, and whether another grid is allowed.

    Raises:
        InputError: the mask is refused.
    """
    if mask is None:
        return _detected(volume)
    if isinstance(mask, str | Path):
        return _from_file(Path(mask), volume, source, parameters)
    array = np.asarray(mask)
    array = array[..., np.newaxis] if array.ndim == 2 else array
    if array.shape != volume.shape:
        message = f"expected a mask of the scan's shape {volume.shape}, got {array.shape}"
        raise MaskError(message)
    drawn = binarised(array, _numbers(parameters.labels), invert=parameters.invert_mask)
    return drawn, MaskFacts(origin="array", voxels=0), ()


def _from_file(
    path: Path, volume: Volume, source: Source | None, parameters: Parameters
) -> tuple[Mask, MaskFacts, tuple[str, ...]]:
    """Return a mask that was read, on the scan's grid, where it came from, and warnings."""
    drawn, affine, sha256, warnings = _read(path, volume, source, parameters)
    found, grid = aligned(drawn, affine, volume, resample=parameters.resample_mask)
    if grid == "resampled":
        voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0
        warnings += _lost(int(np.count_nonzero(drawn)) * voxel_ml, int(np.count_nonzero(found)) * volume.voxel_ml)
    return found, MaskFacts(origin="file", path=str(path), sha256=sha256, grid=grid, voxels=0), warnings


def _read(
    path: Path, volume: Volume, source: Source | None, parameters: Parameters
) -> tuple[Mask, Affine, str, tuple[str, ...]]:
    """Return what is drawn in a file, the affine of its grid, its hash, and warnings."""
    if kind_of(path) == "dicom":
        from medpaint.io.dicom import is_drawn, read_drawn

        if is_drawn(path):
            series = str(source.facts.get("series_uid", "")) if source else ""
            read = read_drawn(path, volume, series, parameters.labels)
            return read.mask ^ parameters.invert_mask, read.affine, read.sha256, read.warnings
    image, file = _mask_volume(path)
    values = image.data if image.encoding.is_identity else image.intensities()
    drawn = binarised(values, _numbers(parameters.labels), invert=parameters.invert_mask)
    return drawn, image.affine, file.sha256, file.warnings


def _numbers(labels: Sequence[int | str]) -> list[int]:
    """Return labels that are numbers; names are for DICOM's segments and regions."""
    named = [label for label in labels if isinstance(label, str)]
    if named:
        message = f"expected labels by number, for this mask has no names, got {', '.join(named)}"
        raise UsageError(message)
    return [label for label in labels if isinstance(label, int)]


def _lost(before_ml: float, after_ml: float) -> tuple[str, ...]:
    """Warn where resampling changed the mask's volume much, and refuse a mask that it took off the scan."""
    if before_ml > 0.0 and after_ml == 0.0:
        message = f"mask and scan do not overlap: nothing is left of {before_ml:.3g} ml after resampling"
        raise MaskError(message)
    if abs(after_ml - before_ml) <= RESAMPLING_SHARE * before_ml:
        return ()
    return (f"resampling changed the mask from {before_ml:.3g} to {after_ml:.3g} ml",)


def _mask_volume(path: Path) -> tuple[Volume, Source]:
    """Read a mask file, which has to hold one volume."""
    try:
        return read_scan(path)
    except AmbiguousError as error:
        message = f"expected a mask of one volume: {error}"
        raise MaskError(message) from error


def _detected(volume: Volume) -> tuple[Mask, MaskFacts, tuple[str, ...]]:
    """Return the mask that detection finds."""
    detection = detect(volume)
    findings: list[dict[str, JsonValue]] = [
        {"kind": found.kind, "voxels": found.voxels, "axis": found.axis, "slices": list(found.slices)}
        for found in detection.findings
    ]
    return detection.mask, MaskFacts(origin="detected", findings=findings, voxels=0), detection.warnings
