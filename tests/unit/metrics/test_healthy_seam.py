"""The seam that a mask's shape has in healthy tissue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medpaint.core.volume import Volume
from medpaint.metrics.healthy_seam import healthy_seams
from medpaint.parameters import Parameters
from medpaint.pipeline.blend import blend
from medpaint.pipeline.inpaint import inpaint
from medpaint.pipeline.mask import mask_scan
from medpaint.pipeline.read import read

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
    parameters = Parameters.of({"engine": "biharmonic"})
    case = mask_scan(read(smooth, parameters.read), MASK, parameters.mask)
    filled = inpaint(case, parameters.fill)
    wrong = replace(filled, values=filled.values + 40.0)
    good, bad = (blend(case.volume, one, parameters.write).draft.blend for one in (filled, wrong))
    assert good is not None
    assert bad is not None
    assert good.warnings == ()
    assert "the border of the mask shows" in bad.warnings[0]
