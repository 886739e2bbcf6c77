"""The contract of damage, for every kind of hole, and what the kinds promise beyond it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.ndimage import label

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.corrupt import KINDS, Damage, LesionShape, edge_block, kinds, lesion_shape, tissue_of, voided
from medpaint.corrupt.holes.kinds import slice_axis
from medpaint.phantoms import head

SHAPE = (40, 44, 36)
SPACING: Spacing = (3.0, 3.0, 3.0)


def ball(radius: float, size: int) -> Mask:
    grid = np.indices((size, size, size)) - (size - 1) / 2.0
    inside: Mask = (grid**2).sum(axis=0) <= radius**2
    return inside


SHAPES = (LesionShape.cut_out(ball(6.0, 20), (1.0, 1.0, 1.0)), LesionShape.cut_out(ball(4.0, 9), (2.0, 2.0, 4.0)))


@pytest.fixture
def foreground() -> Mask:
    mask: Mask = head(SHAPE) > 0
    return mask


def clean() -> Volume:
    """Return a head with a NaN voxel."""
    data = (1000 * head(SHAPE)).astype(np.float32)
    data[20, 22, 18] = np.nan
    return Volume.of(data, np.diag([*SPACING, 1.0]))


@pytest.mark.parametrize("name", kinds(SHAPES))
def test_damage_keeps_the_contract(name: str) -> None:
    damage: Damage = kinds(SHAPES)[name]
    volume = clean()
    one, again, other = (damage(volume, 2.0, seed) for seed in (5, 5, 6))

    assert one.mask.shape == SHAPE
    assert one.mask.dtype == bool
    assert one.mask.any()
    assert not one.mask.all()
    assert one.volume.data.dtype == volume.data.dtype
    assert one.volume.encoding == volume.encoding
    np.testing.assert_array_equal(one.volume.affine, volume.affine)
    assert one.volume.data[~one.mask].tobytes() == volume.data[~one.mask].tobytes()
    assert json.loads(json.dumps(dict(one.facts)))["severity"] == 2.0

    np.testing.assert_array_equal(volume.data, clean().data)
    np.testing.assert_array_equal(one.mask, again.mask)
    np.testing.assert_array_equal(one.volume.data, again.volume.data)
    assert one.facts == again.facts
    assert not np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("name", kinds(SHAPES))
def test_holes_lie_in_tissue_and_are_set_to_its_lowest_value(name: str) -> None:
    kind, volume = kinds(SHAPES)[name], clean()
    tissue = tissue_of(volume)
    made = kind(volume, 2.0, 5, tissue=tissue)
    assert (made.mask & tissue).any()
    np.testing.assert_array_equal(made.mask, kind(volume, 2.0, 5).mask)
    np.testing.assert_array_equal(made.mask, kind.make(tissue, SPACING, 2.0, 5))
    assert np.unique(made.volume.data[made.mask]) == volume.data[tissue & ~made.mask].min()
    assert made.facts["ml"] == pytest.approx(np.count_nonzero(made.mask) * 0.027)


@pytest.mark.parametrize("name", kinds(SHAPES))
def test_every_kind_is_refused_without_tissue(name: str) -> None:
    with pytest.raises(InputError, match="expected"):
        kinds(SHAPES)[name](clean(), 2.0, 0, tissue=np.zeros(SHAPE, dtype=bool))


def test_hole_that_covers_all_tissue_is_refused() -> None:
    tissue = np.zeros(SHAPE, dtype=bool)
    tissue[18:20, 20:22, 17:19] = True
    with pytest.raises(InputError, match="leaves tissue around it"):
        KINDS["blob"](clean(), 8 * 0.027, 0, tissue=tissue)


def test_tissue_is_finite_and_without_background() -> None:
    tissue = tissue_of(clean())
    assert not tissue[20, 22, 18]
    assert not tissue[0].any()
    assert 0.8 < np.count_nonzero(tissue) / np.count_nonzero(head(SHAPE)) <= 1.0


def test_voiding_keeps_the_dtype_and_voxels_outside_the_mask() -> None:
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    mask = data % 5 == 0
    emptied = voided(data, mask, -7.0)
    assert emptied.dtype == np.int16
    assert (emptied[mask] == -7).all()
    np.testing.assert_array_equal(emptied[~mask], data[~mask])


@pytest.mark.parametrize("name", ["lesion", "blob", "edge"])
def test_sizes_in_ml_are_kept(foreground: Mask, name: str) -> None:
    mask = kinds(SHAPES)[name].make(foreground, SPACING, 8.0, 3)
    ml = np.count_nonzero(mask & foreground) * 27.0 / 1000.0
    assert ml == pytest.approx(8.0, rel=0.35)


@pytest.mark.parametrize(("name", "axis"), [("slab-i", 0), ("slab-j", 1), ("slab-k", 2), ("slices", 2)])
def test_lost_slices_are_consecutive_with_tissue_on_both_sides(foreground: Mask, name: str, axis: int) -> None:
    mask = KINDS[name].make(foreground, SPACING, 4, 1)
    lost = np.moveaxis(mask, axis, 0)
    numbers = np.flatnonzero(lost.any(axis=(1, 2)))
    assert lost[numbers].all()
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert len(numbers) == 4
    tissue = np.asarray(np.moveaxis(foreground, axis, 0).any(axis=(1, 2)))
    assert tissue[: numbers[0]].any()
    assert tissue[numbers[-1] + 1 :].any()


@pytest.mark.parametrize("period", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_periodic_gaps_are_single_slices_between_known_ones(foreground: Mask, period: int, seed: int) -> None:
    mask = KINDS["periodic"].make(foreground, SPACING, period, seed)
    numbers = np.flatnonzero(mask.any(axis=(0, 1)))
    assert mask[:, :, numbers].all()
    assert len(numbers) >= 3
    np.testing.assert_array_equal(np.diff(numbers), period)
    tissue = np.flatnonzero(foreground.any(axis=(0, 1)))
    assert tissue[0] < numbers[0] <= numbers[-1] < tissue[-1]
    assert 2 * len(numbers) < len(tissue) + 1


@pytest.mark.parametrize("period", [1, 12])
def test_periods_without_room_are_refused(foreground: Mask, period: int) -> None:
    with pytest.raises(InputError, match="periods of at least 2 slices"):
        KINDS["periodic"].make(foreground, SPACING, period, 0)


def test_slices_are_lost_across_the_largest_spacing() -> None:
    assert [slice_axis(spacing) for spacing in ((5.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))] == [0, 1, 2]


@pytest.mark.parametrize("seed", range(6))
def test_edge_block_is_a_box_that_touches_a_face(foreground: Mask, seed: int) -> None:
    mask = edge_block(foreground, SPACING, volume_ml=10.0, seed=seed)
    corners = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    assert np.count_nonzero(mask) == np.prod([high - low + 1 for low, high in corners])
    assert any(low == 0 or high == n - 1 for (low, high), n in zip(corners, SHAPE, strict=True))


def test_edge_block_larger_than_the_tissue_is_refused(foreground: Mask) -> None:
    with pytest.raises(InputError, match="below a face"):
        edge_block(foreground, SPACING, volume_ml=5000.0, seed=0)


def test_lesion_shape_is_scaled_to_the_volume_on_any_grid(foreground: Mask) -> None:
    wide: Spacing = (2.0, 1.5, 4.0)
    for seed, volume_ml in enumerate((0.6, 1.0, 2.5)):
        mask = lesion_shape(foreground, wide, volume_ml=volume_ml, seed=seed, shapes=SHAPES)
        assert np.count_nonzero(mask) * 12.0 / 1000.0 == pytest.approx(volume_ml, abs=0.006001)
        assert label(mask)[1] == 1
        assert (mask & foreground).sum() >= 0.9 * mask.sum()


def test_lesion_shapes_of_other_sizes_are_refused(foreground: Mask) -> None:
    with pytest.raises(InputError, match="of which none has about that size"):
        lesion_shape(foreground, SPACING, volume_ml=60.0, seed=0, shapes=SHAPES)


def test_lesion_shape_without_a_place_is_refused() -> None:
    thin = np.zeros(SHAPE, dtype=bool)
    thin[20] = True
    with pytest.raises(InputError, match="of which none fits into the tissue"):
        lesion_shape(thin, SPACING, volume_ml=1.0, seed=0, shapes=SHAPES)


def test_empty_lesion_mask_is_refused() -> None:
    with pytest.raises(InputError, match="at least one voxel"):
        LesionShape.cut_out(np.zeros((3, 3, 3), dtype=bool), SPACING)


def test_sizes_are_drawn_within_limits_and_slices_are_integers() -> None:
    assert all(8.0 <= KINDS["blob"].drawn_size((8.0, 15.0), seed) <= 15.0 for seed in range(20))
    assert {KINDS["slices"].drawn_size((1, 3), seed) for seed in range(30)} == {1.0, 2.0, 3.0}


def test_kind_lesion_needs_shapes() -> None:
    assert "lesion" not in kinds()
    assert "lesion" in kinds(SHAPES)
