"""A real brain of 1 mm, and engines on it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.engines.filling import fill
from medpaint.engines.registry import load_engine

__all__ = ["SPACING_MM", "read_brain", "restored"]

SPACING_MM = (1.0, 1.0, 1.0)


def read_brain(data: Path) -> NDArray[np.float32]:
    """Return a T1-weighted brain in [0, 1], (I, J, K), from the folder of real scans."""
    path = data / "t1w-brain-ds002748" / "train-1mm" / "sub-36_T1w.nii.gz"
    scan: NDArray[np.float32] = nib.load(path).get_fdata(dtype=np.float32) / np.float32(255.0)  # type: ignore[attr-defined] # nibabel's base class
    return scan


def restored(name: str, image: FloatArray, mask: Mask) -> FloatArray:
    """Return `image` with the mask filled by an engine, (I, J, K)."""
    scan = Volume.of(np.where(mask, np.float32(0.0), image), np.diag([*SPACING_MM, 1.0]))
    filled = image.copy()
    filled[mask] = fill(scan, mask, load_engine(name)).values[0]
    return filled
