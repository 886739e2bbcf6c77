"""Small scans on disk, for tests of what reads and writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medpaint.phantoms import head

COSINE, SINE = np.cos(0.1), np.sin(0.1)
AFFINE = np.array(
    [
        [-2 * COSINE, 0.0, 2 * SINE, 30.0],
        [0.0, 2.0, 0.0, -40.0],
        [2 * SINE, 0.0, 2 * COSINE, -35.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
SHAPE = (32, 36, 30)


def phantom() -> NDArray[np.int16]:
    """Return a head, int16, (32, 36, 30)."""
    return np.rint(1000 * head(SHAPE, (6.0, 6.0, 6.0))).astype(np.int16)


def hole() -> NDArray[np.bool_]:
    """Return a mask inside the head."""
    mask = np.zeros(SHAPE, bool)
    mask[12:18, 14:20, 12:17] = True
    return mask


def save(data: NDArray[np.generic], path: Path, affine: NDArray[np.float64] = AFFINE) -> Path:
    """Write a NIfTI file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = data.astype(np.uint8) if data.dtype == bool else data
    nib.Nifti1Image(array, affine).to_filename(path)  # type: ignore[no-untyped-call]
    return path


def save_pair(folder: Path, name: str = "scan") -> tuple[Path, Path]:
    """Write the phantom with its hole set to zero, and the mask, and return both paths."""
    data = phantom()
    data[hole()] = 0
    return save(data, folder / f"{name}.nii.gz"), save(hole(), folder / f"{name}-mask.nii.gz")


def voxels_of(path: Path) -> NDArray[Any]:
    """Return the values that another reader finds in a NIfTI file."""
    return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
