"""The seam that a mask's shape has in healthy tissue."""

from __future__ import annotations

import numpy as np
import pytest

import medpaint
from medpaint.core.volume import Volume
from medpaint.metrics.healthy_seam import healthy_seams

NOISE = np.random.default_rng(0).uniform(50.0, 100.0, (30, 30, 30))
MASK = np.zeros(NOISE.shape, dtype=bool)
MASK[10:15, 10:15, 10:15] = True


def test_the_seam_of_healthy_tissue_is_about_one() -> None:
    seams = healthy_seams(Volume.of(NOISE), MASK)
    assert len(seams) >= 10
    assert np.mean(seams) == pytest.approx(1.0, abs=0.1)
    assert seams == healthy_seams(Volume.of(NOISE), MASK)


def test_a_shape_that_fits_nowhere_else_has_none() -> None:
    assert healthy_seams(Volume.of(NOISE), np.ones(NOISE.shape, dtype=bool)) == ()
    assert healthy_seams(Volume.of(NOISE), np.zeros(NOISE.shape, dtype=bool)) == ()


def test_a_visible_border_is_reported_and_an_ordinary_one_is_not() -> None:
    smooth = np.add.outer(np.add.outer(np.arange(30.0), np.arange(30.0)), np.arange(30.0)) + 50.0
    lesion = np.where(MASK, 5.0, smooth)
    lesion[9, 10:15, 10:15] = lesion[15, 10:15, 10:15] = 300.0
    wrong = medpaint.restore(lesion, MASK, engine="biharmonic").record.blend
    right = medpaint.restore(smooth, MASK, engine="biharmonic").record.blend
    assert wrong is not None
    assert right is not None
    assert right.warnings == ()
    assert (wrong.seam or 0.0) <= 1.3 or "the border of the mask shows" in " ".join(wrong.warnings)
