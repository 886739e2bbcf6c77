"""Engines on real brains: the order of their scores, and their speed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from brains import SPACING_MM, read_brain, restored
from numpy.typing import NDArray

from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.metrics import psnr

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def brain(real_data: Path) -> NDArray[np.float32]:
    return read_brain(real_data)


def test_each_step_up_in_smoothness_restores_better(brain: NDArray[np.float32]) -> None:
    mask = lesion_blob(brain > 0, SPACING_MM, volume_ml=10.0, seed=1)
    scores = [
        psnr(brain, restored(name, brain, mask), mask, 1.0) for name in ("nearest", "harmonic", "biharmonic")
    ]
    assert scores == sorted(scores)


def test_missing_slices_are_restored_well(brain: NDArray[np.float32]) -> None:
    i, j, k = brain.shape
    mask = missing_slices((i, j, k), axis=2, count=2, first=k // 2)
    tissue = mask & (brain > 0)
    assert psnr(brain, restored("harmonic", brain, mask), tissue, 1.0) > 21.0
    assert psnr(brain, restored("biharmonic", brain, mask), tissue, 1.0) > 25.0


@pytest.mark.parametrize(("name", "most_seconds"), [("harmonic", 2.0), ("biharmonic", 5.0)])
def test_a_hole_of_45_ml_takes_seconds(brain: NDArray[np.float32], name: str, most_seconds: float) -> None:
    mask = lesion_blob(brain > 0, SPACING_MM, volume_ml=45.0, seed=0)
    start = time.perf_counter()
    restored(name, brain, mask)
    assert time.perf_counter() - start < most_seconds
