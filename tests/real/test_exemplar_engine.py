"""The exemplar engine on a real brain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brains import SPACING_MM, read_brain, restored
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.metrics import rmse

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def brain(real_data: Path) -> NDArray[np.float32]:
    return read_brain(real_data)


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
