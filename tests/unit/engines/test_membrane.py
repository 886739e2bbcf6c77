"""The membrane closes the gap between a fill and its surroundings."""

from __future__ import annotations

import numpy as np

from medpaint.core.types import FloatArray
from medpaint.engines.base import Fill, Hole
from medpaint.engines.membrane import Membrane

MASK = np.zeros((16, 16, 16), bool)
MASK[4:12, 4:12, 4:12] = True
SLOPE = np.add.outer(np.zeros((16, 16)), np.linspace(0, 60, 16)).astype(np.float32)
TEXTURE = np.random.default_rng(0).normal(0, 1, MASK.shape).astype(np.float32)


class Shifted:
    """Knows the truth up to a constant, in two samples."""

    context_mm = 7.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the texture, 25 too bright, by two fillers."""
        del seed
        values = TEXTURE[hole.mask] + np.float32(25)
        return Fill(np.stack([values, 2 * values]), ("one", "other"), np.arange(len(values)).astype(np.uint8) % 2)


def filled(image: FloatArray) -> Fill:
    return Membrane(Shifted()).fill(Hole(image, MASK, (1.0, 1.0, 1.0)), seed=0)


def test_a_bright_fill_is_darkened_and_keeps_its_texture() -> None:
    values = filled(np.where(MASK, np.float32(np.nan), TEXTURE)).values[0]
    assert abs((values - TEXTURE[MASK]).mean()) < 0.3
    assert np.corrcoef(values, TEXTURE[MASK])[0, 1] > 0.9


def test_a_fill_across_a_slope_follows_the_slope() -> None:
    assert np.abs(filled(SLOPE).values[0] - (TEXTURE + SLOPE)[MASK]).max() < 10


def test_every_sample_is_closed_and_keeps_its_fillers() -> None:
    fill = filled(TEXTURE)
    assert fill.values.shape == (2, np.count_nonzero(MASK))
    assert abs(fill.values[1].mean() - 2 * TEXTURE[MASK].mean()) < 1.0
    assert fill.fillers == ("one", "other")
    assert fill.filled_by.tolist() == [0, 1] * (len(fill.filled_by) // 2)


def test_the_context_is_that_of_the_inner_engine() -> None:
    assert Membrane(Shifted()).context_mm == 7.0
