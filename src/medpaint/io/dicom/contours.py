"""Structure sets: contours in patient space, converted to the voxels whose centres they enclose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset

from medpaint.core.errors import MaskError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom.outlines import Outline, distinct, filled
from medpaint.io.dicom.parsing import integer, numbers_of, text

__all__ = ["contours_of", "regions_of"]

OFF_SLICE: Final = 0.5
"""Largest distance of an outline from the middle of a slice that it is drawn on, in slices."""

_ONE_PLANE: Final = 0.05
"""Outlines nearer to each other than this along the slices lie in one plane, in slices."""

_ROUNDING: Final = 1e-3
"""Distances along the slices that differ by no more count as equal, in slices."""

_SKIPPED: Final = 1.5
"""Distance between planes from which slices between them are without an outline, in slices."""

_FEWEST: Final = 3
"""Least number of corners of a closed contour that encloses anything."""

_CLOSED: Final = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}
_OPEN: Final = {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"}
"""Geometric types of contours (DICOM PS3.3, C.8.8.6.1), and those among them that enclose nothing."""

_Points = NDArray[np.float64]
_Planes = dict[float, list[Outline]]


def regions_of(dataset: FileDataset) -> dict[int, str]:
    """Return the regions of interest by number, with their names."""
    return {
        integer(item, "ROINumber", 0): text(item, "ROIName")
        for item in dataset.get("StructureSetROISequence") or ()
    }


def contours_of(
    dataset: FileDataset, path: Path, wanted: Sequence[int], scan: Volume
) -> tuple[Mask, Affine, tuple[str, ...]]:
    """Return the chosen regions on the scan's grid, (I, J, K), its affine, and warnings.

    Each slice gets the outlines of the plane nearest to it that is at most half a slice away; of two equally
    near, the one before it. What the outlines of a plane enclose, see `outlines.filled`.

    Args:
        dataset: the structure set.
        path: its file.
        wanted: numbers of the chosen regions.
        scan: what it was drawn on.

    Raises:
        MaskError: a contour is damaged, does not lie along the slices, or lies beyond them; or a region drew
            something that encloses no voxel.
    """
    mask = np.zeros(scan.shape, dtype=bool)
    warnings: list[str] = []
    drawn: set[int] = set()
    for item in dataset.get("ROIContourSequence") or ():
        number = integer(item, "ReferencedROINumber", 0)
        if number in wanted and item.get("ContourSequence"):
            drawn.add(number)
            region, notes = _region(item, path, number, scan)
            mask |= region
            warnings += notes
    warnings += [f"region {number} has no contours" for number in wanted if number not in drawn]
    return mask, scan.affine, tuple(warnings)


def _region(item: Dataset, path: Path, number: int, scan: Volume) -> tuple[Mask, list[str]]:
    """Return what one region encloses, (I, J, K), and warnings."""
    outlines, left_out = _outlines(item, path, scan)
    named = ", ".join(f"{count} {kind}" for kind, count in left_out.items())
    if not outlines:
        message = f"expected closed planar contours in region {number}, got {named}: {path}"
        raise MaskError(message)
    notes = [f"contours of region {number} that enclose nothing and are left out: {named}"] if left_out else []
    planes = _planes(outlines)
    unique = {plane: distinct(found) for plane, found in planes.items()}
    repeated = len(outlines) - sum(map(len, unique.values()))
    if repeated:
        notes.append(f"contours that repeat another in region {number}, drawn once: {repeated}")
    region, empty = np.zeros(scan.shape, dtype=bool), 0
    chosen = _nearest(sorted(unique), scan.shape[2])
    for k, plane in chosen.items():
        region[:, :, k] = filled(unique[plane], (scan.shape[0], scan.shape[1]))
        empty += not region[:, :, k].any()
    if not region.any():
        message = f"expected contours around voxels of the scan, got none in region {number}: {path}"
        raise MaskError(message)
    if empty:
        notes.append(f"slices on which the contours of region {number} enclose no voxel's centre: {empty}")
    return region, notes + _plane_notes(sorted(unique), chosen, number)


def _outlines(item: Dataset, path: Path, scan: Volume) -> tuple[list[Outline], Counter[str]]:
    """Return the closed contours of a region, and how many of its contours enclose nothing, by kind."""
    to_index = np.linalg.inv(scan.affine) @ LPS_TO_RAS
    outlines, left_out = [], Counter[str]()
    for kind, points in _points(item, path):
        if kind in _OPEN or len(points) < _FEWEST:
            left_out[kind if kind in _OPEN else f"{kind} of fewer than {_FEWEST} points"] += 1
            continue
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        plane = _plane_of(index, scan.shape[2], path)
        outlines.append(Outline(index[:, :2], plane, by_parity=kind.endswith("XOR")))
    return outlines, left_out


def _points(item: Dataset, path: Path) -> Iterator[tuple[str, _Points]]:
    """Yield the geometric type and the corners of each contour of a region, LPS mm, (N, 3)."""
    for contour in item.get("ContourSequence") or ():
        kind = text(contour, "ContourGeometricType")
        if kind not in _OPEN | _CLOSED:
            message = f"expected contours of a type that DICOM defines, got another or none: {path}"
            raise MaskError(message)
        values = numbers_of(contour, "ContourData")
        if not values or len(values) % 3:
            message = f"expected ContourData of three numbers for each point, got {len(values)} numbers: {path}"
            raise MaskError(message)
        yield kind, np.reshape(values, (-1, 3))


def _plane_of(index: _Points, slices: int, path: Path) -> float:
    """Return where a contour lies along the slices, from its corners in voxel indices, (N, 3)."""
    plane = float(np.median(index[:, 2]))
    if np.abs(index[:, 2] - plane).max() > OFF_SLICE + _ROUNDING:
        message = f"expected contours along the slices of the scan, got one across slices near {plane:.0f}: {path}"
        raise MaskError(message)
    if not -OFF_SLICE - _ROUNDING <= plane <= slices - 1 + OFF_SLICE + _ROUNDING:
        message = f"expected contours on the scan's {slices} slices, got one at slice {plane:.1f}: {path}"
        raise MaskError(message)
    return plane


def _planes(outlines: Sequence[Outline]) -> _Planes:
    """Return the outlines by plane; those of one plane may differ by rounding."""
    planes: _Planes = {}
    for outline in sorted(outlines, key=lambda one: one.plane):
        last = next(reversed(planes), None)
        plane = outline.plane if last is None or outline.plane - last > _ONE_PLANE else last
        planes.setdefault(plane, []).append(replace(outline, plane=plane))
    return planes


def _nearest(planes: Sequence[float], slices: int) -> dict[int, float]:
    """Return for each slice that has one the plane nearest to it; of two equally near, the first."""
    ordered = np.asarray(planes)
    found = {}
    for k in range(slices):
        distances = np.abs(ordered - k)
        nearest = int(np.flatnonzero(distances <= distances.min() + _ROUNDING)[0])
        if distances[nearest] <= OFF_SLICE + _ROUNDING:
            found[k] = float(ordered[nearest])
    return found


def _plane_notes(planes: Sequence[float], chosen: dict[int, float], number: int) -> list[str]:
    """Return warnings about planes that are not the slices'."""
    notes = []
    unused = len(planes) - len(set(chosen.values()))
    if unused:
        notes.append(
            f"region {number} has contours in {len(planes)} planes for {len(chosen)} slices: each slice gets "
            "the nearest"
        )
    elif any(abs(plane - k) > _ONE_PLANE for k, plane in chosen.items()):
        notes.append(
            f"region {number} has contours between slices: each of {len(chosen)} slices gets the nearest "
            "within half a slice"
        )
    steps = np.diff(planes)
    if steps.size and (steps > _SKIPPED).all():
        notes.append(
            f"the contours of region {number} are {steps.min():.1f} slices apart or more: the slices between "
            "them are not masked"
        )
    return notes
