"""The membrane closes the gap between a fill and what surrounds it."""

from __future__ import annotations

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.membrane import Membrane

MASK = np.zeros((16, 16, 16), bool)
MASK[4:12, 4:12, 4:12] = True
SLOPE = np.add.outer(np.zeros((16, 16)), np.linspace(0, 60, 16)).astype(np.float32)
TEXTURE = np.random.default_rng(0).normal(0, 1, MASK.shape).astype(np.float32)


class Shifted:
    """Knows the truth, but for a constant."""

    context_mm = 7.0

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return the texture, 25 too bright."""
        del image, mask, spacing_mm, seed
        return TEXTURE + 25


def test_a_fill_that_is_too_bright_is_brought_down_and_keeps_its_texture() -> None:
    filled = Membrane(Shifted()).fill(np.where(MASK, np.nan, TEXTURE), MASK, spacing_mm=(1, 1, 1), seed=0)
    difference = filled[MASK] - TEXTURE[MASK]
    assert abs(difference.mean()) < 0.3
    assert np.corrcoef(filled[MASK], TEXTURE[MASK])[0, 1] > 0.9


def test_a_fill_across_a_slope_follows_the_slope() -> None:
    filled = Membrane(Shifted()).fill(SLOPE, MASK, spacing_mm=(1, 1, 1), seed=0)
    assert np.abs((filled - TEXTURE - SLOPE)[MASK]).max() < 10


def test_the_context_is_the_inner_engines() -> None:
    assert Membrane(Shifted()).context_mm == 7.0
