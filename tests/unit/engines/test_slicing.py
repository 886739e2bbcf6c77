"""Slice engines on volumes: which slices they are asked for, and what is interpolated."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Hole
from medpaint.engines.slicing import SliceWise, slicing_axis

SHAPE = (10, 12, 14)
ISOTROPIC: Spacing = (1.0, 1.0, 1.0)
THICK: Spacing = (1.0, 1.0, 3.0)


class Mean:
    """Fills with the mean of the known pixels, and records its calls."""

    context_mm = 3.0

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], tuple[float, float], int]] = []

    def fill_slice(
        self, image: FloatArray, mask: Mask, *, spacing_mm: tuple[float, float], seed: int
    ) -> FloatArray:
        self.asked.append((image.shape, spacing_mm, seed))
        return np.full_like(image, image[~mask].mean())


def ramp(axis: int) -> FloatArray:
    positions: FloatArray = np.indices(SHAPE)[axis].astype(np.float32)
    return positions


def hole(**ranges: tuple[int, int]) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(*ranges.get(axis, (None, None))) for axis in "ijk")] = True
    return mask


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_run_along_the_coarsest_axis(axis: int) -> None:
    spacing = [1.0, 0.8, 0.9]
    spacing[axis] = 5.0
    assert slicing_axis(hole(i=(3, 5)), (spacing[0], spacing[1], spacing[2])) == axis


def test_equal_spacings_prefer_unmasked_slices_then_the_last_axis() -> None:
    assert slicing_axis(hole(i=(3, 5), j=(4, 6), k=(2, 3)), ISOTROPIC) == 2
    assert slicing_axis(hole(k=(2, 3)), ISOTROPIC) == 1
    assert slicing_axis(hole(j=(2, 3)), (1.0, 1.0, 1.05)) == 2


def filled(engine: Mean, image: FloatArray, mask: Mask, spacing_mm: Spacing, seed: int = 0) -> FloatArray:
    """Return the image with the mask filled slice by slice."""
    result = image.copy()
    hole = Hole(np.where(mask, np.float32(np.nan), image), mask, spacing_mm)
    result[mask] = SliceWise(engine, "mean").fill(hole, seed=seed).values[0]
    return result


def test_a_2d_image_is_one_slice() -> None:
    engine = Mean()
    mask = np.zeros((6, 1, 7), dtype=bool)
    mask[2:4, 0, 3] = True
    filled(engine, np.ones(mask.shape, dtype=np.float32), mask, (1.0, 9.0, 2.0), seed=4)
    assert engine.asked == [((6, 5), (1.0, 2.0), 4)]


def test_only_masked_slices_are_visited_and_only_around_the_hole() -> None:
    engine = Mean()
    filled(engine, ramp(1), hole(i=(5, 6), j=(5, 7), k=(8, 10)), (3.0, 1.0, 1.5), seed=100)
    assert engine.asked == [((8, 6), (1.0, 1.5), 105)]


def test_a_fully_masked_slice_is_interpolated() -> None:
    np.testing.assert_allclose(filled(Mean(), ramp(2), hole(k=(4, 7)), THICK), ramp(2), rtol=1e-6)


def test_at_the_ends_the_nearest_slice_is_repeated() -> None:
    result = filled(Mean(), ramp(2), hole(k=(0, 3)) | hole(k=(12, 14)), THICK)
    np.testing.assert_array_equal(result[0, 0], np.clip(np.arange(14.0), 3.0, 11.0))


def test_interpolation_uses_neighbours_that_were_painted() -> None:
    image = np.ones(SHAPE, dtype=np.float32)
    mask = hole(k=(5, 6)) | hole(i=(2, 4), j=(2, 4), k=(4, 7))
    np.testing.assert_array_equal(filled(Mean(), image, mask, THICK), image)


def test_fully_masked_slices_are_reported_as_interpolated() -> None:
    mask = hole(k=(5, 6)) | hole(i=(2, 4), j=(2, 4), k=(4, 7))
    fill = SliceWise(Mean(), "mean").fill(Hole(ramp(2), mask, THICK), seed=0)
    by = np.zeros(SHAPE, dtype=np.uint8)
    by[mask] = fill.filled_by
    assert fill.fillers == ("mean", "interpolation")
    np.testing.assert_array_equal(by == 1, hole(k=(5, 6)))
