"""Damaged scans, and the patches cut out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scans import save
from training_parts import ONE_MM, recipe, source, whole

from medpaint.core.errors import InputError
from medpaint.core.types import FloatArray, Spacing
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.training.cases import Case, _cut, make_case
from medpaint.training.recipe import Recipe
from medpaint.training.scans import find_scans

START, HOLE, TARGET = CHANNELS.index("start"), CHANNELS.index("hole"), len(CHANNELS)


def case_of(wanted: Recipe, folder: Path, number: int = 0, part: Any = "training") -> Case:
    """Make a case of the scans in a folder."""
    scans, _ = find_scans(wanted, folder)
    return make_case(wanted, scans, folder, (), part=part, number=number)


def from_files(folder: Path, spacing_mm: Spacing = ONE_MM, shape: tuple[int, int, int] = (40, 44, 36)) -> Any:
    """Write a scan for each part, and return the keys of a recipe for them."""
    for name in ("sub-t", "sub-v"):
        save(whole(shape).truth, folder / f"{name}.nii.gz", np.diag([*spacing_mm, 1.0]))
    return {"sources": [source()], "validation": ["brains/sub-v"]}


def test_number_and_part_determine_a_case(tmp_path: Path) -> None:
    wanted = recipe(**from_files(tmp_path))
    first, again, second = (case_of(wanted, tmp_path, number).patches for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, case_of(wanted, tmp_path, 0, "validation").patches)


def test_another_seed_makes_other_cases(tmp_path: Path) -> None:
    files = from_files(tmp_path)
    first, second = (case_of(recipe(**files, seed=seed), tmp_path).patches for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_a_case_names_its_person_and_kind_of_hole(tmp_path: Path) -> None:
    case = case_of(recipe(**from_files(tmp_path)), tmp_path, part="validation")
    assert case.person == "brains/sub-v"
    assert case.kind == "blob 0.2-0.5"


@pytest.mark.parametrize("spacing", [ONE_MM, (0.5, 0.5, 4.0), (2.0, 1.0, 1.0)])
def test_patches_have_finite_channels_and_a_target(tmp_path: Path, spacing: Spacing) -> None:
    shape = (72, 80, 12) if spacing[2] > 3 else (40, 44, 36)
    patches = case_of(recipe(**from_files(tmp_path, spacing, shape)), tmp_path).patches
    assert patches.shape == (3, len(CHANNELS) + 1, 16, 16, 16)
    assert patches.dtype == np.float16
    assert np.isfinite(patches).all()
    assert (patches[:, HOLE] >= 0.0).all()
    assert (patches[:, HOLE] <= 1.0).all()
    assert (patches[:, HOLE].reshape(3, -1).max(axis=1) > 0.0).all()


@pytest.mark.parametrize("spacing", [ONE_MM, (0.5, 0.5, 4.0)])
def test_the_target_is_zero_outside_the_hole(tmp_path: Path, spacing: Spacing) -> None:
    shape = (72, 80, 12) if spacing[2] > 3 else (40, 44, 36)
    patches = case_of(recipe(**from_files(tmp_path, spacing, shape)), tmp_path).patches
    assert (patches[:, TARGET][patches[:, HOLE] == 0.0] == 0.0).all()
    assert (patches[:, TARGET][patches[:, HOLE] > 0.0] != 0.0).any()


@pytest.mark.parametrize("spacing", [ONE_MM, (0.7, 0.7, 3.0)])
def test_slices_come_with_their_neighbours(tmp_path: Path, spacing: Spacing) -> None:
    flat = recipe(**from_files(tmp_path, spacing), network={"kind": "unet2d"})
    patches = case_of(flat, tmp_path).patches
    assert patches.shape == (3, 3 * len(CHANNELS) + 1, 16, 16)
    middle = patches[:, 3 * HOLE + 1]
    assert (middle.reshape(3, -1).max(axis=1) > 0.0).all()
    assert (patches[:, -1][middle == 0.0] == 0.0).all()
    assert (patches[:, -1][middle > 0.0] != 0.0).any()


@pytest.mark.parametrize("kind", ["slab-i", "slab-j", "slab-k"])
def test_lost_slices_come_with_those_next_to_the_gap(tmp_path: Path, kind: str) -> None:
    holes = [{"kind": kind, "sizes": [2.0, 2.0], "weight": 1.0}]
    wanted = recipe(**from_files(tmp_path), network={"kind": "resnet2d"}, holes=holes)
    patches = case_of(wanted, tmp_path).patches
    assert patches.shape == (3, 11 * len(CHANNELS) + 1, 16, 16)
    away = 8.0 * patches[:, 11 * HOLE : 11 * (HOLE + 1)].reshape(3, 11, -1)
    assert (away == np.array([5, 4, 3, 2, 1, 8, 2, 3, 4, 5, 6])[:, np.newaxis]).all()


def test_the_lost_slice_network_refuses_other_holes(tmp_path: Path) -> None:
    wanted = recipe(**from_files(tmp_path), network={"kind": "resnet2d"})
    with pytest.raises(InputError, match="expected lost slices"):
        case_of(wanted, tmp_path)


def cut(size: int) -> tuple[Start, FloatArray, FloatArray]:
    """Return a first fill, the truth, and one patch around the hole's only voxel."""
    scan = whole()
    mask = np.zeros(scan.truth.shape, bool)
    mask[20, 22, 18] = True
    start = Start.of(scan.truth, mask, spacing_mm=scan.spacing_mm, seed=0, pace=None)
    wanted = recipe(pairs={"size": size, "patches": 1})
    (patch,) = _cut(start, scan, wanted, None, np.random.default_rng(0))
    return start, scan.truth, patch.astype(np.float32)


def test_start_and_target_add_up_to_the_truth() -> None:
    start, truth, patch = cut(16)
    window = np.s_[12:28, 14:30, 10:26]
    expected = (truth[window] - start.centre) / start.spread
    assert patch[START] + patch[TARGET] == pytest.approx(expected, abs=5e-3)
    assert abs(float(patch[TARGET, 8, 8, 8])) > 0.01


def test_the_border_of_a_scan_smaller_than_a_patch_is_repeated() -> None:
    _, _, patch = cut(48)
    assert patch.shape == (len(CHANNELS) + 1, 48, 48, 48)
    assert np.array_equal(patch[:, 0], patch[:, 4])
    assert np.count_nonzero(patch[HOLE]) == 1


def test_holes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    huge = [{"kind": "blob", "sizes": [900.0, 990.0], "weight": 1.0}]
    with pytest.raises(InputError, match="expected holes that fit into one of 1 scans, got none in 8 tries: "):
        case_of(recipe(**from_files(tmp_path), holes=huge), tmp_path)


def test_a_scan_that_disappeared_is_named(tmp_path: Path) -> None:
    wanted = recipe(**from_files(tmp_path))
    scans, _ = find_scans(wanted, tmp_path)
    (tmp_path / "sub-t.nii.gz").unlink()
    with pytest.raises(InputError, match=r"sub-t\.nii\.gz"):
        make_case(wanted, scans, tmp_path, (), part="training", number=0)
