"""The seam score: 1 where the border looks like the tissue next to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medpaint.metrics.seam import seam_score

SHAPE = (20, 20, 20)
MASK = np.zeros(SHAPE, bool)
MASK[7:13, 7:13, 7:13] = True
NOISE = np.random.default_rng(0).normal(0, 1, SHAPE)


def test_untouched_image_has_no_seam() -> None:
    assert seam_score(NOISE, MASK, (1, 1, 1)) == pytest.approx(1.0, abs=0.1)


def test_step_at_the_border_raises_the_score() -> None:
    assert seam_score(NOISE + 10 * MASK, MASK, (1, 1, 1)) > 5


def test_linear_ramp_has_no_seam_on_any_grid() -> None:
    ramp = np.add.outer(np.add.outer(np.arange(20.0), 3 * np.arange(20.0)), 5 * np.arange(20.0))
    assert seam_score(ramp, MASK, (1, 1, 4)) == pytest.approx(1.0)


@pytest.mark.parametrize(("step", "score"), [(0.0, 1.0), (1.0, math.inf)])
def test_score_in_constant_tissue(step: float, score: float) -> None:
    assert seam_score(np.full(SHAPE, 5.0) + step * MASK, MASK, (1, 1, 1)) == score


def test_mask_without_a_border_has_no_score() -> None:
    assert math.isnan(seam_score(NOISE, np.zeros(SHAPE, bool), (1, 1, 1)))
    slab = np.ones(SHAPE, bool)
    slab[:, :, 5] = False
    assert math.isnan(seam_score(NOISE, slab, (1, 1, 1)))


def test_2d_images_are_scored_and_nan_is_ignored() -> None:
    flat = NOISE[:, :, :1].copy()
    flat[6, 9] = np.nan
    assert seam_score(flat, MASK[:, :, 9:10], (1, 1, 1)) == pytest.approx(1.0, abs=0.4)
