"""Images that are read window by window: what they show, and how little of a large scan is in memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from medpaint.core.types import Window
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine, Known
from medpaint.engines.classical.biharmonic import Biharmonic
from medpaint.engines.exemplar.engine import Exemplar
from medpaint.engines.filling import fill
from medpaint.engines.images import Overlaid, values_at

BELOW = np.arange(6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8)
PIECES = ((np.s_[1:3, 2:5, 0:4], np.full((2, 3, 4), -1.0)), (np.s_[4:6, 6:7, 3:8], np.full((2, 1, 5), -2.0)))


@pytest.mark.parametrize("window", [np.s_[0:6, 0:7, 0:8], np.s_[2:5, 4:7, 3:5], np.s_[3:4, 0:1, 0:8]])
def test_pieces_are_seen_in_any_window(window: Window) -> None:
    expected = BELOW.copy()
    for place, values in PIECES:
        expected[place] = values
    image = Overlaid(BELOW, PIECES)
    assert (image.shape, image.dtype) == (BELOW.shape, BELOW.dtype)
    np.testing.assert_array_equal(np.asarray(image), expected)
    np.testing.assert_array_equal(image[window], expected[window])
    assert BELOW[1, 2, 0] == 72.0


def test_values_at_a_mask_are_in_c_order() -> None:
    mask = np.zeros(BELOW.shape, dtype=bool)
    mask[[4, 1, 5], [6, 0, 2], [7, 1, 0]] = True
    np.testing.assert_array_equal(values_at(BELOW, mask), BELOW[mask])
    assert values_at(BELOW, np.zeros_like(mask)).shape == (0,)


def test_known_voxels_are_neither_masked_nor_void() -> None:
    mask, void = BELOW % 3 == 0, BELOW % 5 == 0
    window = np.s_[1:4, 0:7, 2:3]
    np.testing.assert_array_equal(Known(mask)[window], ~mask[window])
    np.testing.assert_array_equal(Known(mask, void)[window], ~(mask | void)[window])


@pytest.mark.parametrize(
    "engine", [Exemplar("quick"), Biharmonic(context_mm=150.0)], ids=["exemplar", "biharmonic"]
)
def test_a_wide_context_takes_less_memory_than_its_intensities(engine: Engine) -> None:
    shape = (200, 220, 200)
    data = np.random.default_rng(0).integers(-1000, 1000, shape, dtype=np.int16)
    mask = np.zeros(shape, dtype=bool)
    mask[80:84, 90:94, 100:104] = True
    scan = Volume.of(data)
    fill(scan, mask, Biharmonic())  # imports
    tracemalloc.start()
    fill(scan, mask, engine)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < data.size * np.dtype(np.float32).itemsize
