"""Blocks of one value inside the body, as a lost part of a transfer leaves them."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.types import Array, Mask, Window
from medpaint.detectors.base import Detection, Finding, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.saturation import flat

__all__ = ["missing_blocks"]

LEAST_EDGE: Final = 5
"""Two edges of a block have at least this many voxels: smaller squares of one value come about by chance."""

MOST: Final = 0.5
"""Where more than this share of a side's neighbours has the same value, the region is not a box."""

LAYER: Final = 0.5
"""Outer layers of a flat part with a smaller share of its fullest layer are voxels of the image beside a block."""

BESIDE: Final = 0.1
"""If such layers have more than this share of the part, it is no block."""

WHY: Final = "a box of voxels has one value, and the voxels on all sides of it have others"


def missing_blocks(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:  # noqa: ARG001 - exact
    """Find boxes of one value that lie inside the scan, their edges along its axes.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: of no account, because the signal is exact.
    """
    from scipy.ndimage import find_objects, label

    data = scan.volume.data
    core = flat(data) & ~found
    mask = np.zeros(data.shape, np.bool_)
    if core.any():
        parts, _ = label(core)
        for number, box in enumerate(find_objects(parts), start=1):
            inner = _trimmed(parts[box] == number, box)
            whole = None if inner is None else _grown(data, inner)
            if whole is not None:
                mask[whole] = True
    mask &= ~found
    findings = [Finding("missing blocks", mask, WHY)] if mask.any() else []
    return Detection.of(findings, scan.volume.shape)


def _trimmed(part: Mask, box: tuple[slice, ...]) -> tuple[slice, ...] | None:
    """Return the box of a flat part without thin layers on its sides; None if they are much of it.

    Args:
        part: True = in the part, of the shape of its box.
        box: where that is in the scan.
    """
    inner = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        layers = np.count_nonzero(part, axis=others)
        full = np.flatnonzero(layers >= LAYER * layers.max())
        inner.append(slice(int(full[0]), int(full[-1]) + 1))
    if np.count_nonzero(part[tuple(inner)]) < (1.0 - BESIDE) * np.count_nonzero(part):
        return None
    return tuple(
        slice(own.start + kept.start, own.start + kept.stop) for own, kept in zip(box, inner, strict=True)
    )


def _grown(data: Array, core: tuple[slice, ...]) -> Window | None:
    """Return the box of one value whose inner part is `core`; None if there is no such box."""
    flattened = sorted(range(3), key=lambda axis: -data.shape[axis])[:2]
    sides = [slice(part.start - 1, part.stop + 1) if axis in flattened else part for axis, part in enumerate(core)]
    box: Window = (sides[0], sides[1], sides[2])
    lengths = sorted(part.stop - part.start for part in box)
    if lengths[1] < LEAST_EDGE:
        return None
    faces = [(part.start <= 0) + (part.stop >= size) for part, size in zip(box, data.shape, strict=True)]
    if sum(faces) > 1 or min(part.start for part in box) < 0:
        return None
    value = data[box][0, 0, 0]
    if not (data[box] == value).all():
        return None
    return None if _continues(data, box, value) else box


def _continues(data: Array, box: Window, value: float) -> bool:
    """Return whether a value goes on beyond most of any side of a box."""
    for axis, part in enumerate(box):
        for index in (part.start - 1, part.stop):
            if not 0 <= index < data.shape[axis]:
                continue
            side = data[tuple(index if other == axis else own for other, own in enumerate(box))]
            if np.mean(side == value) > MOST:
                return True
    return False
