"""Segmentations: their segments, and where these lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import Dataset, FileDataset

from medpaint.core.errors import MaskError
from medpaint.core.geometry import GRID_TOLERANCE_VOXELS, LPS_TO_RAS
from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.dicom.frames import frame_datasets
from medpaint.io.dicom.parsing import integer, numbers, text
from medpaint.io.dicom.pixels import stored_slices

__all__ = ["segmented", "segments_of"]

EDGE_TOLERANCE: Final = 1e-2
"""How far the edge of a segmentation's voxel may be from the scan's, in voxels."""

_HALF: Final = 0.5
"""Share of a fractional segment from which a voxel belongs to it."""


def segments_of(dataset: FileDataset) -> dict[int, str]:
    """Return the segments by number, with their labels; without the background of a label map."""
    items = dataset.get("SegmentSequence") or ()
    found = {integer(item, "SegmentNumber", 0): text(item, "SegmentLabel") for item in items}
    found.pop(0, None)
    return found


def segmented(
    dataset: FileDataset, path: Path, wanted: Sequence[int], scan: Volume
) -> tuple[Mask, Affine, tuple[str, ...]]:
    """Return the chosen segments, (I, J, K), the affine of their grid, and warnings.

    Frames that lie on the scan's grid are put there, however few there are and however their axes are turned.
    Otherwise they are stacked on a grid of their own.

    Args:
        dataset: the segmentation.
        path: its file.
        wanted: numbers of the chosen segments.
        scan: what it was drawn on.

    Raises:
        UnreadableError: the pixels cannot be decoded.
        MaskError: a frame has no position, or the frames do not form an even stack.
    """
    stored = stored_slices(dataset, path)  # first: it refuses a number of frames that cannot be
    depths_mm = _depths_mm(dataset)
    planes = [(values, affine) for values, affine in _planes(dataset, path, wanted, stored) if values.any()]
    warnings: tuple[str, ...] = ()
    if text(dataset, "SegmentationType") == "FRACTIONAL":
        warnings = (f"the segmentation is fractional: voxels that belong to it by {_HALF:.0%} or more are taken",)
    mask = np.zeros(scan.shape, dtype=bool)
    for values, affine in planes:
        if not _put(mask, values, affine, scan, depths_mm):
            return *_stacked(planes, path), warnings
    return mask, scan.affine, warnings


def _planes(
    dataset: FileDataset, path: Path, wanted: Sequence[int], values: Array
) -> Iterator[tuple[Mask, Affine]]:
    """Yield the frames of some segments, (columns, rows) each, and voxel (column, row, 0) to RAS+ mm.

    Args:
        dataset: the segmentation.
        path: its file.
        wanted: numbers of the segments.
        values: stored values of all frames, (frames, rows, columns).
    """
    kind = text(dataset, "SegmentationType")
    highest = integer(dataset, "MaximumFractionalValue", 255)
    for frame, stored in zip(frame_datasets(dataset), values, strict=True):
        if kind == "LABELMAP":
            drawn = np.isin(stored, wanted)
        elif integer(frame, "ReferencedSegmentNumber", 1) in wanted:
            drawn = stored >= _HALF * highest if kind == "FRACTIONAL" else stored != 0
        else:
            continue
        yield drawn.T, _affine(frame, path)


def _affine(frame: Dataset, path: Path) -> Affine:
    """Return voxel (column, row, 0) to RAS+ mm of a frame; its depth is that of the stated slices."""
    position, cosines = numbers(frame, "ImagePositionPatient", 3), numbers(frame, "ImageOrientationPatient", 6)
    spacing = numbers(frame, "PixelSpacing", 2)
    depth = numbers(frame, "SpacingBetweenSlices", 1) or numbers(frame, "SliceThickness", 1) or (1.0,)
    if position is None or cosines is None or spacing is None:
        message = f"expected frames with position, orientation and pixel spacing: {path}"
        raise MaskError(message)
    rows, columns = np.reshape(cosines, (2, 3))
    affine = np.eye(4)
    affine[:3] = np.column_stack(
        [rows * spacing[1], columns * spacing[0], np.cross(rows, columns) * depth[0], position]
    )
    placed: Affine = LPS_TO_RAS @ affine
    return placed


def _depths_mm(dataset: FileDataset) -> set[float]:
    """Return the depth of the frames' voxels, by step and by thickness; empty if neither is stated.

    Where frames are left out, some writers state the step of those that are there: then the thickness is right.
    """
    stated = [
        [numbers(frame, keyword, 1) for keyword in ("SpacingBetweenSlices", "SliceThickness")]
        for frame in frame_datasets(dataset)
    ]
    if not all(step for step, _ in stated):
        return set()
    return {depth[0] for pair in stated for depth in pair if depth}


def _same_edges(mapping: Affine, depths: Sequence[float]) -> bool:
    """Return whether the edges of a frame's voxels match the scan's; the third only if known.

    Args:
        mapping: voxel of the frame to voxel of the scan.
        depths: possible depths of a frame's voxel, in multiples of the one in `mapping`.
    """
    in_plane = np.abs(mapping[:3, :2])
    candidates = [np.column_stack([in_plane, depth * np.abs(mapping[:3, 2])]) for depth in depths] or [in_plane]
    return any(
        bool((np.rint(edges).sum(axis=0) == 1).all() and np.allclose(edges, np.rint(edges), atol=EDGE_TOLERANCE))
        for edges in candidates
    )


def _put(mask: Mask, values: Mask, affine: Affine, scan: Volume, depths_mm: set[float]) -> bool:
    """Draw a plane into `mask` if its voxels are voxels of the scan; return whether they are."""
    mapping = np.linalg.inv(scan.affine) @ affine
    step_mm = float(np.linalg.norm(affine[:3, 2]))
    spots = np.argwhere(values)
    places = spots @ mapping[:3, :2].T + mapping[:3, 3]
    whole = np.rint(places)
    off_grid = np.abs(places - whole).max() > GRID_TOLERANCE_VOXELS
    if off_grid or not _same_edges(mapping, [depth / step_mm for depth in depths_mm]):
        return False
    if (whole < 0).any() or (whole >= np.array(mask.shape)).any():
        return False
    mask[tuple(whole.astype(np.int64).T)] = True
    return True


def _stacked(planes: Sequence[tuple[Mask, Affine]], path: Path) -> tuple[Mask, Affine]:
    """Return planes of one grid as a volume; slices between them that are absent are empty."""
    first = planes[0][1]
    inverse = np.linalg.inv(first)
    depths = np.array([(inverse @ affine[:, 3])[2] for _, affine in planes])
    steps = np.rint(depths - depths.min()).astype(np.int64)
    same = all(np.allclose(affine[:3, :3], first[:3, :3], atol=1e-4) for _, affine in planes)
    if not same or np.abs(depths - depths.min() - steps).max() > GRID_TOLERANCE_VOXELS:
        message = f"expected frames on the scan's grid or in an even stack, got others: {path}"
        raise MaskError(message)
    volume = np.zeros((*planes[0][0].shape, int(steps.max()) + 1), dtype=bool)
    for (values, _), step in zip(planes, steps, strict=True):
        volume[:, :, step] |= values
    return volume, _moved(first, float(depths.min()))


def _moved(affine: Affine, slices: float) -> Affine:
    """Return an affine whose first slice is `slices` further along."""
    moved = affine.copy()
    moved[:3, 3] += slices * affine[:3, 2]
    return moved
