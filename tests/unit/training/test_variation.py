"""Scans varied as by another scanner, protocol or body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scans import save
from training_parts import ONE_MM, recipe, source, whole

from medpaint.training.cases import make_case
from medpaint.training.scans import Whole, find_scans
from medpaint.training.variation import _coloured, _scaled, _thickened, varied

SEEDS = range(24)


def test_the_seed_determines_everything() -> None:
    one, same = (varied(whole(), seed=3) for _ in range(2))
    assert np.array_equal(one.truth, same.truth)
    assert one.spacing_mm == same.spacing_mm
    assert any(not np.array_equal(one.truth, varied(whole(), seed=seed).truth) for seed in SEEDS)


def test_varied_scans_can_be_used() -> None:
    before = whole()
    for seed in SEEDS:
        after = varied(before, seed=seed)
        assert after.truth.dtype == np.float32
        assert after.truth.shape == after.tissue.shape
        assert np.isfinite(after.truth).all()
        assert after.tissue.any()
        assert float(after.truth[after.tissue].std()) > 0.1 * float(before.truth[before.tissue].std())
    assert np.array_equal(before.truth, whole().truth)


def test_some_scans_get_thick_slices() -> None:
    large = whole((60, 64, 56))
    thick = [max(varied(large, seed=seed).spacing_mm) for seed in SEEDS]
    assert 0.05 < np.mean([one > 2.5 for one in thick]) < 0.5
    assert max(thick) <= 6.0


def test_thick_slices_are_means_of_thin_ones() -> None:
    large = whole((60, 64, 56))
    truth, tissue, spacing_mm = _thickened(large, np.random.default_rng(0))
    axis = int(np.argmax(spacing_mm))
    many = round(spacing_mm[axis])
    assert truth.shape == tissue.shape
    assert truth.shape[axis] == large.truth.shape[axis] // many
    first = np.take(large.truth, range(many), axis).mean(axis)
    np.testing.assert_allclose(np.take(truth, 0, axis), first, rtol=1e-5, atol=1e-4)


def test_thick_slices_are_not_made_thicker() -> None:
    coarse = whole(spacing_mm=(7.0, 7.0, 7.0))
    assert _thickened(coarse, np.random.default_rng(0))[2] == coarse.spacing_mm


def test_a_larger_body_has_more_voxels_of_the_same_size() -> None:
    before = whole()
    after = _scaled(before, 1.1)
    assert after.truth.shape == (44, 48, 40)
    assert after.spacing_mm == before.spacing_mm
    assert after.tissue.sum() == pytest.approx(1.1**3 * before.tissue.sum(), rel=0.05)
    assert before.truth.min() <= after.truth.min()
    assert after.truth.max() <= before.truth.max()


def test_a_changed_contrast_keeps_the_range_and_mostly_the_order() -> None:
    scan = whole()
    kept = []
    for seed in SEEDS:
        coloured = _coloured(scan.truth, scan.tissue, np.random.default_rng(seed))
        assert coloured.min() >= scan.truth.min() - 1e-3
        assert coloured.max() <= scan.truth.max() + 1e-3
        kept.append(np.corrcoef(coloured[scan.tissue], scan.truth[scan.tissue])[0, 1] > 0.5)
    assert 0.6 < np.mean(kept) < 1.0


def test_a_scan_without_contrast_stays_as_it_is() -> None:
    flat = Whole(np.ones((20, 20, 20), np.float32), np.ones((20, 20, 20), bool), ONE_MM)
    assert np.array_equal(_coloured(flat.truth, flat.tissue, np.random.default_rng(0)), flat.truth)


def test_cases_are_varied_if_the_recipe_says_so(tmp_path: Path) -> None:
    for name in ("sub-t", "sub-v"):
        save(whole((60, 64, 56)).truth, tmp_path / f"{name}.nii.gz", np.diag([*ONE_MM, 1.0]))
    plain = recipe(sources=[source()], validation=["brains/sub-v"])
    wanted = recipe(sources=[source()], validation=["brains/sub-v"], pairs={"varied": 1.0})
    scans, _ = find_scans(wanted, tmp_path)
    one, other = (
        make_case(each, scans, tmp_path, (), part="training", number=0).patches for each in (plain, wanted)
    )
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
