"""Damage that shows by itself, and clean scans left alone."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.volume import Volume
from medpaint.detectors.detect import detect
from medpaint.masks.dilation import dilated
from medpaint.phantoms import head as head_phantom


@pytest.fixture
def head() -> np.ndarray:
    return head_phantom((40, 44, 36))


def test_a_clean_scan_is_left_alone(head: np.ndarray) -> None:
    found = detect(Volume.of(head))
    assert not found.mask.any()
    assert found.findings == ()


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


def test_the_gap_between_two_legs_is_no_damage() -> None:
    x, y = np.mgrid[:120, :60]
    legs = ((x - 30) ** 2 + (y - 30) ** 2 < 28**2) | ((x - 89) ** 2 + (y - 30) ** 2 < 28**2)
    data = np.repeat(legs[:, :, None], 10, axis=2) * (100 + np.arange(10.0))
    assert not detect(Volume.of(data)).mask.any()


def test_a_slice_lost_near_the_top_of_the_head_is_found(head: np.ndarray) -> None:
    head[:, :, 32] = 0
    assert detect(Volume.of(head)).findings[0].slices == (32,)


def test_holes_of_nan_inside_are_found(head: np.ndarray) -> None:
    head[20:23, 20:23, 18:20] = np.nan
    head[25, 20, 18] = np.inf
    found = detect(Volume.of(head))
    assert [(f.kind, f.voxels) for f in found.findings] == [("non-finite voxels", 19)]
    assert np.array_equal(found.mask, ~np.isfinite(head))


def test_nan_background_is_kept_and_said(head: np.ndarray) -> None:
    head[:, :, :3] = np.nan
    found = detect(Volume.of(head))
    assert not found.mask.any()
    assert "reach the scan's border" in found.warnings[0]


def test_detection_on_integers_of_a_large_grid_uses_exact_slices() -> None:
    data = np.zeros((160, 160, 120), np.int16)
    data[40:120, 40:120, 20:100] = np.random.default_rng(0).integers(100, 200, (80, 80, 80))
    data[:, :, [50, 61, 62]] = 0
    assert detect(Volume.of(data)).findings[0].slices == (50, 61, 62)


def test_dilation_is_in_millimetres() -> None:
    mask = np.zeros((21, 21, 21), bool)
    mask[10, 10, 10] = True
    grown = dilated(mask, (1.0, 1.0, 4.0), 4.0)
    assert np.flatnonzero(grown[:, 10, 10]).tolist() == list(range(6, 15))
    assert np.flatnonzero(grown[10, 10, :]).tolist() == [9, 10, 11]
    assert not mask[9, 10, 10]


def test_no_dilation_gives_a_copy() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    same = dilated(mask, (1, 1, 1), 0.0)
    assert np.array_equal(same, mask)
    assert same is not mask
