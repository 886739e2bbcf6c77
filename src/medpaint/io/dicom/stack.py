"""Slices in space: their order, their affine, and whether they form an even stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine

__all__ = ["Stack", "levels_of", "orientation_is_valid", "orientation_reasons", "stack_of"]

_Vectors = NDArray[np.float64]

ORIENTATION_TOLERANCE: Final = 1e-4
"""Largest difference of a direction cosine within one orientation: the rounding of cosines written with
four decimals. At 250 mm from the corner it moves a voxel by 0.025 mm."""

UNIT_TOLERANCE: Final = 1e-3
"""How far rows and columns may be from unit length and from a right angle, as cosines: headers that round
to three decimals."""

DUPLICATE_MM: Final = 1e-3
"""Slices nearer to each other than this lie at one position; headers write positions to a micrometre."""

GRID_TOLERANCE: Final = 0.05
"""How far a slice may be off the even grid, in voxels: positions rounded to 0.1 mm at 1 mm spacing do."""

GAP_TOLERANCE: Final = 0.1
"""A step is a gap where it is a whole number of the common step, within this fraction of it."""

TILT_DEGREES: Final = 0.1
"""Smallest angle between the stack and the slices' normal that is called a tilt; gantries tilt by half
degrees, and rounded cosines reach some hundredths."""

_NAMED: Final = 3
"""How many gaps or orientations a message spells out."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order, and the reasons why they do not form a volume.

    Attributes:
        order: index of the slice that comes first, second, ... along the normal.
        affine: voxel (column, row, slice) to RAS+ mm, (4, 4); valid only without reasons.
        step_mm: distance between neighbouring slices.
        slots: index of each slice, in order, on the even grid; absent slices leave gaps.
        reasons: why the slices do not form a volume; empty if they do.
        absent: the same for absent slices, which can be put back; empty if none.
    """

    order: tuple[int, ...]
    affine: Affine
    step_mm: float
    slots: tuple[int, ...]
    reasons: tuple[str, ...]
    absent: str = ""


def stack_of(
    positions: _Vectors, orientation: Sequence[float], pixel_spacing: Sequence[float], depth_mm: float
) -> Stack:
    """Sort slices of one orientation by their position along the normal, and examine the steps between them.

    The third axis of the affine is the mean step from slice to slice, so that the centre of each slice's
    first voxel is where its header puts it (DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1).

    Args:
        positions: centre of each slice's first voxel, LPS mm, (N, 3).
        orientation: cosines of the rows, then of the columns, LPS.
        pixel_spacing: distance between rows, then between columns, mm.
        depth_mm: the step where there is only one slice.
    """
    rows, columns, normal = _axes(orientation)
    distances = positions @ normal
    order = np.argsort(distances, kind="stable")
    distances, positions = distances[order], positions[order]
    first = np.concatenate([[True], np.diff(distances) > DUPLICATE_MM])
    reasons = _duplicate_reasons(len(first), int(first.sum()))
    distances, positions = distances[first], positions[first]
    step, slots, absent = normal * depth_mm, np.arange(len(distances)), ""
    if len(distances) > 1:
        slots, common = _slots(distances)
        step = (positions[-1] - positions[0]) / slots[-1]
        reasons += _tilt_reasons(step, normal, int(slots[-1]) + 1, min(pixel_spacing))
        absent = _missing(distances, slots, common)
        reasons += _uneven_reasons(distances, slots, common)
        reasons += _shift_reasons(positions, distances, min(pixel_spacing))
    affine = np.eye(4)
    affine[:3] = np.column_stack([rows * pixel_spacing[1], columns * pixel_spacing[0], step, positions[0]])
    ras: Affine = LPS_TO_RAS @ affine
    return Stack(
        order=tuple(int(index) for index in order),
        affine=ras,
        step_mm=float(np.linalg.norm(step)),
        slots=tuple(int(slot) for slot in slots),
        reasons=tuple(reasons),
        absent=absent,
    )


def levels_of(positions: Sequence[Sequence[float]], orientation: Sequence[float]) -> NDArray[np.int64]:
    """Return the number of each slice's position along the normal, from 0; slices at one position share it.

    Args:
        positions: centre of each slice's first voxel, LPS mm, (N, 3).
        orientation: as for `stack_of`.
    """
    distances = np.asarray(positions, dtype=np.float64) @ _axes(orientation)[2]
    order = np.argsort(distances, kind="stable")
    levels = np.zeros(len(order), np.int64)
    levels[order[1:]] = np.cumsum(np.diff(distances[order]) > DUPLICATE_MM)
    return levels


def orientation_is_valid(orientation: Sequence[float]) -> bool:
    """Return whether rows and columns are unit vectors at a right angle, up to the rounding of headers."""
    rows, columns = np.reshape(orientation, (2, 3))
    products = np.array([rows @ rows - 1, columns @ columns - 1, rows @ columns])
    return bool(np.abs(products).max() < UNIT_TOLERANCE)


def _orientation_groups(orientations: Sequence[tuple[float, ...]]) -> list[tuple[tuple[float, ...], int]]:
    """Return each orientation that occurs and how many slices have it, the most frequent first."""
    groups: dict[tuple[float, ...], int] = {}
    for orientation in orientations:
        for known in groups:
            if np.abs(np.subtract(known, orientation)).max() <= ORIENTATION_TOLERANCE:
                groups[known] += 1
                break
        else:
            groups[orientation] = 1
    return sorted(groups.items(), key=lambda group: -group[1])


def orientation_reasons(orientations: Sequence[tuple[float, ...]]) -> list[str]:
    """Return a reason where there are several orientations, with the number of slices of each."""
    groups = _orientation_groups(orientations)
    if len(groups) < 2:
        return []
    named = [f"{count} {_plane(cosines)} {_written(cosines)}" for cosines, count in groups[:_NAMED]]
    more = [f"and {len(groups) - _NAMED} more"] if len(groups) > _NAMED else []
    return [f"the slices have {len(groups)} orientations, as in a localiser: {', '.join(named + more)}"]


def _axes(orientation: Sequence[float]) -> tuple[_Vectors, _Vectors, _Vectors]:
    """Return unit vectors along the rows, the columns and the normal, LPS."""
    rows, columns = np.reshape(np.asarray(orientation, dtype=np.float64), (2, 3))
    normal = np.cross(rows, columns)
    return rows / np.linalg.norm(rows), columns / np.linalg.norm(columns), normal / np.linalg.norm(normal)


def _plane(orientation: Sequence[float]) -> str:
    """Return the nearest anatomical plane."""
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(_axes(orientation)[2])))]


def _written(orientation: Sequence[float]) -> str:
    """Return direction cosines as text for a message."""
    return "(" + " ".join(f"{cosine:.3f}" for cosine in orientation) + ")"


def _duplicate_reasons(slices: int, positions: int) -> list[str]:
    """Return a reason where several slices lie at one position."""
    if slices == positions:
        return []
    if positions == 1:
        return [f"not a volume: all {slices} slices lie at one position"]
    return [f"{slices} slices lie at {positions} positions, as with several echoes, phases or passes"]


def _tilt_reasons(step: _Vectors, normal: _Vectors, slices: int, pixel_mm: float) -> list[str]:
    """Return a reason where the stack tilts away from the normal by more than the tolerance, with the angle."""
    along = float(step @ normal)
    drift = float(np.linalg.norm(step - along * normal))
    angle = float(np.degrees(np.arctan2(drift, along)))
    if angle <= TILT_DEGREES or drift * (slices - 1) <= GRID_TOLERANCE * pixel_mm:
        return []
    return [f"gantry tilt: the slices step {angle:.1f} degrees off their normal"]


def _slots(distances: _Vectors) -> tuple[NDArray[np.int64], float]:
    """Return the index of each slice on the even grid, and the most common step to the next."""
    steps = np.diff(distances)
    common = _common_step(steps)
    whole = np.maximum(np.rint(steps / common), 1)
    whole[np.abs(steps / common - whole) > GAP_TOLERANCE] = 1
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64), common


def _uneven_reasons(distances: _Vectors, slots: NDArray[np.int64], common: float) -> list[str]:
    """Return a reason where the steps are uneven for another cause than absent slices."""
    even = distances[0] + slots * (distances[-1] - distances[0]) / slots[-1]
    if np.abs(distances - even).max() <= GRID_TOLERANCE * common:
        return []
    return [_uneven(distances, np.diff(distances)[np.diff(slots) == 1])]


def _common_step(steps: _Vectors) -> float:
    """Return the most common step; of several, the smallest."""
    ascending = np.sort(steps)
    low = np.searchsorted(ascending, ascending * (1 - GRID_TOLERANCE), "left")
    high = np.searchsorted(ascending, ascending * (1 + GRID_TOLERANCE), "right")
    most = int(np.argmax(high - low))
    return float(np.median(ascending[low[most] : high[most]]))


def _missing(distances: _Vectors, slots: NDArray[np.int64], common: float) -> str:
    """Describe the missing slices; empty if none."""
    steps, whole = np.diff(distances), np.diff(slots)
    gaps = np.flatnonzero(whole > 1)
    if not gaps.size:
        return ""
    total = int((whole[gaps] - 1).sum())
    named = [
        f"{int(whole[gap]) - 1} after {distances[gap]:.2f} mm along the normal (step {steps[gap]:.2f} mm)"
        for gap in gaps[:_NAMED]
    ]
    more = [f"and {len(gaps) - _NAMED} more gaps"] if len(gaps) > _NAMED else []
    counted = "1 slice is" if total == 1 else f"{total} slices are"
    return f"{counted} missing, the common step being {common:.2f} mm: {', '.join(named + more)}"


def _uneven(distances: _Vectors, steps: _Vectors) -> str:
    """Describe the range of the steps."""
    return (
        f"uneven spacing: steps from {steps.min():.3f} to {steps.max():.3f} mm between "
        f"{distances[0]:.2f} and {distances[-1]:.2f} mm along the normal"
    )


def _shift_reasons(positions: _Vectors, distances: _Vectors, pixel_mm: float) -> list[str]:
    """Return a reason where slices are shifted in their plane, off the line from the first to the last."""
    part = ((distances - distances[0]) / (distances[-1] - distances[0]))[:, None]
    off = np.linalg.norm(positions - positions[0] - part * (positions[-1] - positions[0]), axis=1)
    worst = int(np.argmax(off))
    if off[worst] <= GRID_TOLERANCE * pixel_mm:
        return []
    return [
        f"slices are shifted in their plane, by {off[worst]:.2f} mm at {distances[worst]:.2f} mm along the normal"
    ]
