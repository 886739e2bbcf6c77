"""Engines on real brains: the order of their scores, and their speed."""

from __future__ import annotations

import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask
from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.engines.base import Hole
from medpaint.engines.registry import load_engine
from medpaint.engines.windows import windows
from medpaint.metrics import psnr

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
