"""Time the smooth fills of other packages on the same hole, in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np

import medpaint
from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import Array, Mask

__all__ = ["OTHERS", "Other", "measured_others"]

MARGIN: Final = 8
"""Voxels around the hole on the crop."""

RADIUS: Final = 3.0
"""Pixels around a masked one that OpenCV looks at."""

Filler = Callable[[Array, Mask], Array]


@dataclass(frozen=True)
class Other:
    """A fill, timed.

    Attributes:
        name: what filled.
        where: the crop, or the whole scan.
        cpu_s: CPU seconds of the process.
        wall_s: seconds.
        error: RMSE in the hole, in the scan's units.
    """

    name: str
    where: str
    cpu_s: float
    wall_s: float
    error: float


def measured_others(scan: Path, mask: Path) -> list[Other]:
    """Return what each fill costs on a scan, for a crop around the hole and for the whole.

    Nothing of the scan's own values in the hole reaches the fills: it is set to zero first.
    """
    truth = np.asarray(_image(scan).dataobj)
    hole = np.asarray(_image(mask).dataobj) != 0
    box = bounding_box(hole)
    if box is None:
        message = f"{mask}: expected a hole, got an empty mask"
        raise SystemExit(message)
    crop = grown(box, (MARGIN, MARGIN, MARGIN), hole.shape)
    parts = {"crop": (truth[crop], hole[crop]), "whole scan": (truth, hole)}
    return [
        _timed(name, where, filler, *part)
        for name, (package, filler) in OTHERS.items()
        if find_spec(package)
        for where, part in parts.items()
    ]


def _image(path: Path) -> Any:  # noqa: ANN401 - nibabel has no types
    return nib.load(path)


def _timed(name: str, where: str, filler: Filler, truth: Array, hole: Mask) -> Other:
    """Return the cost and the error of one fill, after a small one that loads what it needs."""
    warm_up = np.zeros((8, 8, 8), dtype=truth.dtype)
    warm_up[2:] = 100
    block = np.zeros(warm_up.shape, dtype=bool)
    block[3:5, 3:5, 3:5] = True
    filler(warm_up, block)
    image = np.where(hole, 0, truth).astype(truth.dtype)
    start, cpu = time.perf_counter(), time.process_time()
    filled = filler(image, hole)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - start
    apart = filled[hole].astype(float) - truth[hole].astype(float)
    return Other(name, where, cpu_s, wall_s, float(np.sqrt(np.mean(apart**2))))


def _ours(image: Array, hole: Mask) -> Array:
    """Fill with the biharmonic engine, from Python: the scan is hashed and checked too."""
    return np.asarray(medpaint.restore(image, hole, engine="biharmonic").volume.data)


def _scikit_image(image: Array, hole: Mask) -> Array:
    """Fill with scikit-image's biharmonic inpainting in 3D."""
    restoration = import_module("skimage.restoration")
    filled: Array = restoration.inpaint_biharmonic(image.astype(np.float64), hole)
    return filled


def _telea(image: Array, hole: Mask) -> Array:
    """Fill slice by slice with OpenCV's fast marching; it takes 8-bit images."""
    import cv2

    filled = image.astype(np.uint8)
    for index in np.flatnonzero(hole.any(axis=(0, 1))):
        flat = np.ascontiguousarray(filled[:, :, index])
        marked = np.ascontiguousarray(hole[:, :, index]).astype(np.uint8)
        filled[:, :, index] = cv2.inpaint(flat, marked, RADIUS, cv2.INPAINT_TELEA)
    return filled


OTHERS: Final[dict[str, tuple[str, Filler]]] = {
    "medpaint, `biharmonic`": ("medpaint", _ours),
    "scikit-image, `inpaint_biharmonic`": ("skimage", _scikit_image),
    "OpenCV, `INPAINT_TELEA`, slice by slice": ("cv2", _telea),
}
"""What is timed: the package that it needs, and the fill."""
