"""Lost slices as straight lines between the slices on either side."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.classical.linear import Linear

SHAPE = (7, 6, 12)


def noise() -> FloatArray:
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def lost(*slices: int, axis: int = 2) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    np.moveaxis(mask, axis, 0)[list(slices)] = True
    return mask


def filled(image: FloatArray, mask: Mask, void: Mask | None = None) -> tuple[FloatArray, Fill]:
    """Return the filled image, and the answer."""
    damaged = np.where(mask, np.float32(7.0), image)
    fill = Linear().fill(Hole(damaged, mask, (1.0, 1.0, 4.0), void), seed=0)
    damaged[mask] = fill.values[0]
    return damaged, fill


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_lost_slice_is_the_mean_of_its_neighbours(axis: int) -> None:
    image, mask = noise(), lost(3, axis=axis)
    result, fill = filled(image, mask)
    slices = np.moveaxis(image, axis, 0)
    np.testing.assert_allclose(np.moveaxis(result, axis, 0)[3], (slices[2] + slices[4]) / 2.0, rtol=1e-6)
    assert not fill.filled_by.any()


def test_slices_in_a_row_are_weighted_by_their_distance() -> None:
    image, mask = noise(), lost(4, 5, 6)
    result, _ = filled(image, mask)
    for number in (4, 5, 6):
        share = (number - 3) / 4.0
        wanted = (1.0 - share) * image[:, :, 3] + share * image[:, :, 7]
        np.testing.assert_allclose(result[:, :, number], wanted, atol=1e-6)


def test_other_holes_get_the_biharmonic_fill() -> None:
    image, mask = noise(), np.zeros(SHAPE, dtype=bool)
    mask[2:4, 2:4, 3:5] = True
    result, fill = filled(image, mask)
    np.testing.assert_array_equal(result, fill_biharmonic(image, mask, (1.0, 1.0, 4.0)))
    assert [fill.fillers[one] for one in np.unique(fill.filled_by)] == ["biharmonic"]


def test_a_voxel_that_is_unknown_in_a_neighbouring_slice_gets_the_biharmonic_fill() -> None:
    image, mask, void = noise(), lost(5), np.zeros(SHAPE, dtype=bool)
    mask[0, 0, 6] = True
    void[6, :, :] = True
    mask &= ~void
    result, fill = filled(image, mask, void)
    smooth = np.zeros(SHAPE, dtype=bool)
    smooth[mask] = fill.filled_by == 1
    np.testing.assert_array_equal(np.argwhere(smooth), [[0, 0, 5], [0, 0, 6]])
    straight = mask & ~smooth
    wanted = (image[:, :, 4:5] + image[:, :, 6:7]) / 2.0
    np.testing.assert_allclose(result[straight], np.broadcast_to(wanted, SHAPE)[straight], rtol=1e-6)


def test_slices_lost_at_the_end_of_a_scan_get_the_biharmonic_fill() -> None:
    image, mask = noise(), lost(0, 1)
    result, fill = filled(image, mask)
    np.testing.assert_array_equal(result, fill_biharmonic(image, mask, (1.0, 1.0, 4.0)))
    assert fill.filled_by.all()
