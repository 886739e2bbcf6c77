"""Errors and PSNR of small arrays, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medpaint.metrics import mae, psnr, rmse

TRUTH = np.array([[[10, 20, 30, 40]]], dtype=np.uint8)
IMAGE = np.array([[[13, 16, 30, 255]]], dtype=np.uint8)
MASK = np.array([[[True, True, False, False]]])


def test_errors_are_counted_in_the_mask_and_do_not_wrap_around() -> None:
    assert mae(TRUTH, IMAGE, MASK) == 3.5
    assert rmse(TRUTH, IMAGE, MASK) == pytest.approx(math.sqrt(12.5))
    assert psnr(TRUTH, IMAGE, MASK, data_range=255.0) == pytest.approx(20.0 * math.log10(255.0 / math.sqrt(12.5)))


def test_equal_images_have_infinite_psnr() -> None:
    assert psnr(TRUTH, TRUTH, MASK, data_range=1.0) == math.inf


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.nan])
def test_range_that_is_not_positive_is_refused(data_range: float) -> None:
    with pytest.raises(ValueError, match="data_range"):
        psnr(TRUTH, IMAGE, MASK, data_range)


def test_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one voxel"):
        mae(TRUTH, IMAGE, np.zeros_like(MASK))


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        rmse(TRUTH, IMAGE[..., :3], MASK)
