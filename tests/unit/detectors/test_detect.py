"""Which damage is found, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.volume import Volume
from medpaint.detectors.detect import detect
from medpaint.phantoms import head as head_phantom


@pytest.fixture
def head() -> np.ndarray:
    return head_phantom((40, 44, 36))


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 3.5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_lost_slices_are_found_along_every_axis(head: np.ndarray, axis: int, value: float) -> None:
    np.moveaxis(head, axis, 0)[[15, 20, 21]] = value
    found = detect(Volume.of(head))
    assert [(f.kind, f.axis, f.slices) for f in found.findings] == [("missing slices", "IJK"[axis], (15, 20, 21))]
    expected = np.zeros(head.shape, bool)
    np.moveaxis(expected, axis, 0)[[15, 20, 21]] = True
    assert np.array_equal(found.mask, expected)


def test_empty_slices_beyond_the_head_are_background(head: np.ndarray) -> None:
    padded = np.pad(head, ((0, 0), (0, 0), (6, 6)))
    assert not detect(Volume.of(padded)).mask.any()


def test_gap_between_two_legs_is_not_damage() -> None:
    x, y = np.mgrid[:120, :60]
    legs = ((x - 30) ** 2 + (y - 30) ** 2 < 28**2) | ((x - 89) ** 2 + (y - 30) ** 2 < 28**2)
    data = np.repeat(legs[:, :, None], 10, axis=2) * (100 + np.arange(10.0))
    assert not detect(Volume.of(data)).mask.any()


def test_slice_lost_near_the_top_of_the_head_is_found(head: np.ndarray) -> None:
    head[:, :, 32] = 0
    assert detect(Volume.of(head)).findings[0].slices == (32,)


def test_nan_and_infinite_voxels_inside_are_found(head: np.ndarray) -> None:
    head[20:23, 20:23, 18:20] = np.nan
    head[25, 20, 18] = np.inf
    found = detect(Volume.of(head))
    assert [(f.kind, int(f.mask.sum())) for f in found.findings] == [("non-finite voxels", 19)]
    assert np.array_equal(found.mask, ~np.isfinite(head))


def test_nan_background_is_kept_with_a_warning(head: np.ndarray) -> None:
    head[:, :, :3] = np.nan
    found = detect(Volume.of(head))
    assert not found.mask.any()
    assert "reach the scan's border" in found.warnings[0]


def test_slices_are_exact_when_tissue_is_found_on_a_coarser_grid() -> None:
    data = np.zeros((160, 160, 120), np.int16)
    data[40:120, 40:120, 20:100] = np.random.default_rng(0).integers(100, 200, (80, 80, 80), np.int16)
    data[:, :, [50, 61, 62]] = 0
    assert detect(Volume.of(data)).findings[0].slices == (50, 61, 62)


def test_each_detector_is_given_what_was_found_before(head: np.ndarray) -> None:
    head[:, :, 15] = np.nan
    head[20:23, 20:23, 18:20] = np.nan
    found = detect(Volume.of(head))
    assert [(f.kind, int(f.mask.sum())) for f in found.findings] == [
        ("missing slices", 40 * 44),
        ("non-finite voxels", 18),
    ]
    assert np.array_equal(found.mask, ~np.isfinite(head))
