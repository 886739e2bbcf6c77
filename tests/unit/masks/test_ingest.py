"""From a mask file's values to a mask on the scan's grid."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from medpaint.core.errors import AmbiguousError, MaskError
from medpaint.core.volume import Volume
from medpaint.masks.checks import check_against_scan
from medpaint.masks.grids import aligned
from medpaint.masks.labels import binarised

SHAPE = (6, 7, 8)
RNG = np.random.default_rng(0)
TISSUE = np.zeros((20, 20, 20), "u1")
TISSUE[4:16, 4:16, 4:16] = 100


def scan(data: np.ndarray | None = None) -> Volume:
    return Volume.of(TISSUE if data is None else data)


@pytest.mark.parametrize("white", [1, 255, -3])
def test_the_only_nonzero_value_is_repaired(white: float) -> None:
    values = np.zeros(SHAPE)
    values[2, 3, 4] = white
    assert np.argwhere(binarised(values)).tolist() == [[2, 3, 4]]


@pytest.mark.parametrize("step", [1, -1, 2])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_layout_in_memory_does_not_matter(axes: tuple[int, int, int], step: int) -> None:
    drawn = RNG.random((8, 8, 8)) > 0.9
    values = (drawn * 3.0)[::step, :, ::-step].transpose(axes)
    assert np.array_equal(binarised(values), drawn[::step, :, ::-step].transpose(axes))


def test_chosen_labels_are_repaired() -> None:
    values = RNG.integers(0, 5, SHAPE).astype(float)
    assert np.array_equal(binarised(values, (1, 3)), (values == 1) | (values == 3))


def test_several_labels_need_a_choice() -> None:
    with pytest.raises(AmbiguousError, match=r"3 labels \(1, 2, 7\); choose with --labels"):
        binarised(np.array([0.0, 1, 2, 7]))


def test_a_label_that_does_not_occur_is_refused() -> None:
    with pytest.raises(MaskError, match="no label 4; it has 0, 1"):
        binarised(np.array([0.0, 1]), (4,))


def test_an_inverted_mask_repairs_zeros() -> None:
    assert binarised(np.array([0.0, 1]), invert=True).tolist() == [True, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_mask_with_nan_is_refused(bad: float) -> None:
    with pytest.raises(MaskError, match="1 voxels that are NaN or infinite"):
        binarised(np.array([0.0, bad]))


def test_fractions_are_refused() -> None:
    with pytest.raises(MaskError, match="2 fractional values"):
        binarised(np.array([0.0, 0.25, 0.5, 1.0]))
    with pytest.raises(MaskError, match="1 fractional values"):
        binarised(np.array([0.0, 0.7]))


def test_values_are_shown_in_full() -> None:
    with pytest.raises(MaskError, match=r"such as 0\.99999994;"):
        binarised(np.array([0.0, 0.99999994], np.float32))
    with pytest.raises(AmbiguousError, match=r"\(12345678, 12345679\)"):
        binarised(np.array([0, 12345678, 12345679]))


@pytest.mark.parametrize("values", [np.array(["a", "b"]), np.array([1 + 2j]), np.array([None, 1])])
def test_a_mask_without_numbers_is_refused(values: np.ndarray) -> None:
    with pytest.raises(MaskError, match="expected a mask of numbers"):
        binarised(values)


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_flips_and_permutations_of_the_grid_are_undone(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    mask = RNG.random(SHAPE) > 0.5
    volume = Volume.of(np.zeros(SHAPE))
    moved = np.zeros((4, 4))
    moved[3, 3] = 1
    turned = mask.transpose(axes)
    for new, (old, sign) in enumerate(zip(axes, signs, strict=True)):
        moved[old, new] = sign
        if sign < 0:
            moved[old, 3] = SHAPE[old] - 1
            turned = np.flip(turned, new)
    found, how = aligned(turned, volume.affine @ moved, volume)
    assert np.array_equal(found, mask)
    assert how == ("same grid" if axes == (0, 1, 2) and min(signs) > 0 else "reoriented")


def test_another_grid_is_refused_with_both_grids_described() -> None:
    with pytest.raises(MaskError, match=r"mask 3x4x4 voxels of 2x2x2 mm.*scan 6x7x8.*--resample-mask"):
        aligned(np.ones((3, 4, 4), bool), np.diag([2.0, 2, 2, 1]), Volume.of(np.zeros(SHAPE)))


@pytest.mark.parametrize(("shift", "shown"), [(0.03, "0.03"), (0.0200001, "0.02000"), (7.0, "7")])
def test_a_small_difference_is_shown_in_numbers_that_differ(shift: float, shown: str) -> None:
    affine = np.eye(4)
    affine[1, 3] = shift
    with pytest.raises(MaskError, match=rf"differ by up to {shown}\d* voxels, 0\.02 are allowed"):
        aligned(np.ones(SHAPE, bool), affine, Volume.of(np.zeros(SHAPE)))


def test_a_cropped_grid_is_refused() -> None:
    affine = np.eye(4)
    affine[0, 3] = 1
    with pytest.raises(MaskError, match="another grid"):
        aligned(np.ones((5, 7, 8), bool), affine, Volume.of(np.zeros(SHAPE)))


def test_resampling_uses_the_nearest_voxel() -> None:
    coarse = np.zeros((3, 4, 4), bool)
    coarse[1, 1, 1] = True
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = 0.5
    found, how = aligned(coarse, affine, Volume.of(np.zeros(SHAPE)), resample=True)
    assert how == "resampled"
    assert np.argwhere(found).tolist() == [list(index) for index in product((2, 3), repeat=3)]


def test_a_mask_of_the_wrong_polarity_is_refused() -> None:
    mask = np.ones(TISSUE.shape, bool)
    mask[8:10, 8:10, 8:10] = False
    with pytest.raises(MaskError, match="--invert-mask"):
        check_against_scan(mask, scan(), max_fraction=0.5)


def test_a_large_mask_is_accepted_on_request() -> None:
    mask = np.zeros(TISSUE.shape, bool)
    mask[4:12, 4:16, 4:16] = True
    with pytest.raises(MaskError, match="67% of the foreground"):
        check_against_scan(mask, scan(), max_fraction=0.5)
    assert check_against_scan(mask, scan(), max_fraction=0.9) == ()


def test_a_mask_of_all_voxels_is_refused() -> None:
    with pytest.raises(MaskError, match="all 8000 voxels"):
        check_against_scan(np.ones(TISSUE.shape, bool), scan(), max_fraction=1.0)


def test_a_mask_far_from_all_tissue_is_refused() -> None:
    data = np.zeros((80, 10, 10), "u1")
    data[:20] = 50
    mask = np.zeros(data.shape, bool)
    mask[70:72, 4:6, 4:6] = True
    with pytest.raises(MaskError, match="do not overlap: the mask is 51 mm away"):
        check_against_scan(mask, scan(data), max_fraction=0.5)


def test_a_mask_of_one_voxel_is_accepted_with_a_warning() -> None:
    mask = np.zeros(TISSUE.shape, bool)
    mask[8, 8, 8] = True
    assert check_against_scan(mask, scan(), max_fraction=0.5) == ("mask has only 1 voxels",)


def test_lost_slices_at_the_end_of_the_tissue_are_accepted() -> None:
    mask = np.zeros(TISSUE.shape, bool)
    mask[:, :, 16:18] = True
    assert check_against_scan(mask, scan(), max_fraction=0.5) == ()


@pytest.mark.parametrize("value", [np.uint8(7), np.int32(20_000_000), np.int64(2**62), np.float64(1e300)])
def test_a_constant_scan_passes(value: np.generic) -> None:
    mask = np.zeros(TISSUE.shape, bool)
    mask[5:8, 5:8, 5:8] = True
    assert check_against_scan(mask, scan(np.full(TISSUE.shape, value)), max_fraction=0.5) == ()


def test_a_scan_without_a_finite_value_is_refused() -> None:
    mask = np.zeros(TISSUE.shape, bool)
    mask[5:8, 5:8, 5:8] = True
    with pytest.raises(MaskError, match="no finite values"):
        check_against_scan(mask, scan(np.full(TISSUE.shape, np.nan)), max_fraction=0.5)
