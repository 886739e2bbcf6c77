"""A mask drawn by another statement of the scan's header is used on the voxels that it was drawn on."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.errors import MaskError
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume
from medpaint.masks.positions import Positioned, placed

SHAPE = (8, 7, 6)
MASK: Mask = np.random.default_rng(0).random(SHAPE) > 0.7
HERE = np.array([[1.0, 0, 0, -4], [0, 1, 0, -3], [0, 0, 2, -5], [0, 0, 0, 1]])
MIRRORED = np.array([[-1.0, 0, 0, 3], [0, 1, 0, -3], [0, 0, 2, -5], [0, 0, 0, 1]])
SHEARED = np.array([[1.0, 0.2, 0, -4], [0, 1, 0, -3], [0, 0, 2, -5], [0, 0, 0, 1]])
ELSEWHERE = np.array([[1.0, 0, 0, 50], [0, 1, 0, -3], [0, 0, 2, -5], [0, 0, 0, 1]])
SCAN = Volume.of(np.zeros(SHAPE), HERE)


def two(other: Affine) -> dict[str, Affine]:
    """Return what a scan states that is read by its sform."""
    return {"sform": HERE, "qform": other}


@pytest.mark.parametrize("other", [MIRRORED, SHEARED, ELSEWHERE], ids=["mirrored", "sheared", "shifted"])
@pytest.mark.parametrize("names", [(), ("sform",), ("sform", "qform")])
def test_a_mask_by_the_other_form_keeps_its_voxels(other: Affine, names: tuple[str, ...]) -> None:
    drawn = Positioned(MASK, other, dict.fromkeys(names, other))
    found, how, (warning,) = placed(drawn, SCAN, two(other))
    np.testing.assert_array_equal(found, MASK)
    assert how == "same grid"
    assert "the scan's qform, not by the sform" in warning


def test_a_mask_by_the_form_that_the_scan_is_read_by_gives_no_warning() -> None:
    for drawn in (Positioned(MASK, HERE), Positioned(MASK, HERE, two(MIRRORED))):
        found, how, warnings = placed(drawn, SCAN, two(MIRRORED))
        np.testing.assert_array_equal(found, MASK)
        assert (how, warnings) == ("same grid", ())


def test_a_mask_turned_by_the_other_form_is_turned_back() -> None:
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    flip[1, 3] = SHAPE[1] - 1
    found, how, warnings = placed(Positioned(MASK[:, ::-1], ELSEWHERE @ flip), SCAN, two(ELSEWHERE))
    np.testing.assert_array_equal(found, MASK)
    assert (how, len(warnings)) == ("reoriented", 1)


def test_a_mask_is_matched_by_its_own_other_form_too() -> None:
    drawn = Positioned(MASK, ELSEWHERE, {"sform": ELSEWHERE, "qform": HERE})
    found, _, (warning,) = placed(drawn, SCAN, {})
    np.testing.assert_array_equal(found, MASK)
    assert "the mask's qform" in warning


def test_a_mask_that_could_be_meant_in_two_ways_is_refused() -> None:
    drawn = Positioned(MASK, MIRRORED, {"sform": MIRRORED, "qform": HERE})
    with pytest.raises(MaskError, match="fits the scan in several ways that fill different voxels"):
        placed(drawn, SCAN, {})


@pytest.mark.parametrize("resample", [False, True])
def test_a_mask_that_fits_by_no_form_is_refused_and_never_resampled(*, resample: bool) -> None:
    away = HERE.copy()
    away[2, 3] += 7.0
    with pytest.raises(MaskError, match=r"by its sform .* by its qform .* differ by 54 mm") as caught:
        placed(Positioned(MASK, away), SCAN, two(ELSEWHERE), resample=resample)
    assert "resample" not in str(caught.value)


def test_forms_that_agree_leave_resampling_possible() -> None:
    coarse = Positioned(np.ones((4, 4, 3), bool), HERE @ np.diag([2.0, 2.0, 2.0, 1.0]))
    found, how, warnings = placed(coarse, SCAN, two(HERE), resample=True)
    assert how == "resampled"
    assert warnings == ()
    assert found.any()


def test_without_contradictions_a_mask_is_aligned() -> None:
    found, how, warnings = placed(Positioned(MASK, HERE), SCAN, {})
    np.testing.assert_array_equal(found, MASK)
    assert (how, warnings) == ("same grid", ())
