"""Lost slices between the slices on either side, registered to each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.linear import Linear
from medpaint.engines.classical.registered import Registered


def oblique(axis: int = 2) -> FloatArray:
    """Return a textured cylinder that moves by three pixels from slice to slice along an axis."""
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(72, 80)), 2.0)
    rows, columns = np.mgrid[:72, :80].astype(np.float32)
    body = np.hypot(rows - 36.0, columns - 28.0) < 18.0
    plane = np.where(body, 100.0 + 200.0 * texture, 0.0)
    slices = np.stack([np.roll(plane, 3 * number, axis=1) for number in range(9)])
    return np.moveaxis(slices, 0, axis).astype(np.float32)


def lost(shape: tuple[int, ...], *slices: int, axis: int = 2) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[list(slices)] = True
    return mask


def fill_of(engine: Registered | Linear, image: FloatArray, mask: Mask, void: Mask | None = None) -> Fill:
    return engine.fill(Hole(np.where(mask, np.float32(7.0), image), mask, (1.0, 1.0, 1.0), void), seed=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_oblique_edges_are_continued(axis: int) -> None:
    image = oblique(axis)
    mask = lost(image.shape, 3, 4, axis=axis)
    errors = [
        np.sqrt(np.square(fill_of(one, image, mask).values[0] - image[mask]).mean())
        for one in (Registered(), Linear())
    ]
    assert errors[0] < 0.4 * errors[1]


def test_equal_slices_are_repeated() -> None:
    image = np.repeat(oblique()[:, :, :1], 5, axis=2)
    mask = lost(image.shape, 2)
    np.testing.assert_allclose(fill_of(Registered(), image, mask).values[0], image[mask], atol=1e-4)


def test_slices_without_anything_in_common_are_filled_within_their_range() -> None:
    image = np.random.default_rng(1).normal(size=(70, 66, 5)).astype(np.float32)
    mask = lost(image.shape, 2)
    values = fill_of(Registered(), image, mask).values
    ends = image[:, :, [1, 3]]
    assert values.min() >= ends.min()
    assert values.max() <= ends.max()


@pytest.mark.parametrize("value", [1e25, -1e38])
def test_one_value_that_is_far_off_leaves_the_rest_of_the_slice_as_it_was(value: float) -> None:
    image, mask = oblique(), lost((72, 80, 9), 4)
    usual = fill_of(Registered(), image, mask).values.reshape(72, 80)
    image[4, 4, 3] = value
    values = fill_of(Registered(), image, mask).values.reshape(72, 80)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[24:], usual[24:], atol=10.0)


def test_void_is_not_moved_into_the_image() -> None:
    image = oblique()
    void = np.zeros(image.shape, dtype=bool)
    void[:20] = True
    image[void] = -30_000.0
    mask = lost(image.shape, 4) & ~void
    values = fill_of(Registered(), image, mask, void).values
    assert values.min() >= image[~void].min() - 1e-3


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 40, 5), (9, 200, 5)])
def test_small_slices_are_filled(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    fill = fill_of(Registered(), image, lost(shape, 2))
    assert np.isfinite(fill.values).all()
    assert not fill.filled_by.any()


def test_slices_without_contrast_and_other_holes_are_filled_as_by_straight_lines() -> None:
    image = oblique()
    image[:, :, [2, 4]] = 5.0
    mask = lost(image.shape, 3)
    mask[30:34, 30:34, 6:8] = True
    ours, lines = (fill_of(one, image, mask) for one in (Registered(), Linear()))
    np.testing.assert_array_equal(ours.values, lines.values)
    np.testing.assert_array_equal(ours.filled_by, lines.filled_by)
