"""Structure sets: contours in patient space, converted to the voxels whose centres they enclose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset

from medpaint.core.errors import MaskError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom.parsing import integer, text

__all__ = ["contours_of", "enclosed", "regions_of"]

OFF_SLICE: Final = 0.5
"""Largest distance of a contour from the middle of a slice, in slices: beyond it, another slice is nearer."""

_Points = NDArray[np.float64]


def regions_of(dataset: FileDataset) -> dict[int, str]:
    """Return the regions of interest by number, with their names."""
    return {
        integer(item, "ROINumber", 0): text(item, "ROIName")
        for item in dataset.get("StructureSetROISequence") or ()
    }


def contours_of(dataset: FileDataset, path: Path, wanted: Sequence[int], scan: Volume) -> tuple[Mask, Affine]:
    """Return the chosen regions on the scan's grid, (I, J, K), and its affine.

    A voxel belongs to a region if its centre is enclosed by an odd number of the region's contours in its slice: a
    contour within another is a hole. Contours lie in slices of the scan.

    Args:
        dataset: the structure set.
        path: its file.
        wanted: numbers of the chosen regions.
        scan: what it was drawn on.

    Raises:
        MaskError: a contour is not closed and planar, or does not lie in a slice of the scan.
    """
    to_index = np.linalg.inv(scan.affine) @ LPS_TO_RAS
    mask = np.zeros(scan.shape, dtype=bool)
    for item in dataset.get("ROIContourSequence") or ():
        if integer(item, "ReferencedROINumber", 0) not in wanted:
            continue
        region = np.zeros(scan.shape, dtype=bool)
        for points in _points(item, path):
            index = points @ to_index[:3, :3].T + to_index[:3, 3]
            k = _slice_of(index, scan.shape[2], path)
            region[:, :, k] ^= enclosed(index[:, :2], (scan.shape[0], scan.shape[1]))
        mask |= region
    return mask, scan.affine


def enclosed(polygon: _Points, shape: tuple[int, int]) -> Mask:
    """Return which voxels' centres a polygon encloses, by the even-odd rule.

    Args:
        polygon: its corners in voxel indices, (N, 2).
        shape: size of the slice, (I, J).

    A centre on an edge belongs to the side of smaller indices only, so that of two polygons with one edge in
    common exactly one has it.
    """
    inside = np.zeros(shape, dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        low, high = min(y1, y2), max(y1, y2)
        lines = np.arange(max(0, int(np.ceil(low))), min(shape[1], int(np.ceil(high))))
        if not lines.size:
            continue
        crossings = x1 + (lines - y1) / (y2 - y1) * (x2 - x1)
        inside[:, lines] ^= np.arange(shape[0])[:, np.newaxis] < crossings
    return inside


def _points(item: Dataset, path: Path) -> Iterator[_Points]:
    """Yield the corners of each contour of a region, LPS mm, (N, 3)."""
    for contour in item.get("ContourSequence") or ():
        kind = text(contour, "ContourGeometricType")
        if not kind.startswith("CLOSED_PLANAR"):
            message = f"expected closed planar contours, got {kind or 'none'}: {path}"
            raise MaskError(message)
        yield np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)


def _slice_of(index: _Points, slices: int, path: Path) -> int:
    """Return the slice that a contour lies in, from its corners in voxel indices, (N, 3)."""
    k = int(np.rint(np.median(index[:, 2])))
    if np.abs(index[:, 2] - k).max() > OFF_SLICE:
        message = f"expected contours in the slices of the scan, got one across slices near {k}: {path}"
        raise MaskError(message)
    if not 0 <= k < slices:
        message = f"expected contours on the scan's {slices} slices, got one at slice {k}: {path}"
        raise MaskError(message)
    return k
