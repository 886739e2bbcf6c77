"""The exemplar engine on a real brain."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from medpaint.core.types import FloatArray, Mask
from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.engines.base import Hole
from medpaint.engines.registry import load_engine
from medpaint.engines.windows import windows
from medpaint.metrics import rmse

pytestmark = pytest.mark.real

SPACING_MM = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def brain(real_data: Path) -> NDArray[np.float32]:
    path = real_data / "t1w-brain-ds002748" / "train-1mm" / "sub-36_T1w.nii.gz"
    scan: NDArray[np.float32] = nib.load(path).get_fdata(dtype=np.float32) / np.float32(255.0)  # type: ignore[attr-defined] # nibabel's base class
    return scan


def restored(name: str, image: FloatArray, mask: Mask) -> FloatArray:
    engine = load_engine(name)
    filled = image.copy()
    for window in windows(mask, SPACING_MM, engine.context_mm):
        hole = mask[window]
        part = np.where(hole, np.float32(np.nan), image[window])
        filled[window][hole] = engine.fill(Hole(part, hole, SPACING_MM), seed=0).values[0]
    return filled


def test_small_holes_are_restored_better_than_by_the_smooth_fills(brain: NDArray[np.float32]) -> None:
    mask = np.zeros(brain.shape, dtype=bool)
    for seed in range(4):
        mask |= lesion_blob((brain > 0) & ~mask, SPACING_MM, volume_ml=1.0, seed=seed)
    exemplar = rmse(brain, restored("exemplar", brain, mask), mask)
    assert exemplar < 0.85 * rmse(brain, restored("biharmonic", brain, mask), mask)
    assert exemplar < 0.65 * rmse(brain, restored("harmonic", brain, mask), mask)


def test_the_other_side_of_the_brain_is_learned_from(brain: NDArray[np.float32]) -> None:
    mask = lesion_blob(brain > 0, SPACING_MM, volume_ml=10.0, seed=3)
    one_side = np.array(brain)
    across = np.flip(mask, axis=0)
    one_side[binary_dilation(across, iterations=12)] = 0.0
    both = rmse(brain, restored("exemplar", brain, mask), mask)
    assert both < rmse(brain, restored("exemplar", np.where(mask, brain, one_side), mask), mask)


def test_a_lost_slice_is_restored_better_than_by_the_smooth_fill(brain: NDArray[np.float32]) -> None:
    i, j, k = brain.shape
    mask = missing_slices((i, j, k), axis=2, count=2, first=k // 2)
    exemplar = rmse(brain, restored("exemplar", brain, mask), mask)
    assert exemplar < 0.85 * rmse(brain, restored("biharmonic", brain, mask), mask)
