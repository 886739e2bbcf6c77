from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from medpaint.core.errors import InputError
from medpaint.core.types import Mask, Spacing
from medpaint.corrupt import KINDS, LesionShape, body, edge_block, kinds, lesion_shape
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


@pytest.mark.parametrize("name", ["lesion", *KINDS])
def test_every_kind_keeps_the_contract_of_makers(foreground: Mask, name: str) -> None:
    kind = kinds(SHAPES)[name]
    size = 2.0 if kind.unit == "ml" else 2
    one, two, other = (kind.make(foreground, SPACING, size, seed) for seed in (5, 5, 6))
    assert one.shape == SHAPE
    assert one.dtype == bool
    assert (one & foreground).any()
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", ["lesion", *KINDS])
def test_no_kind_finds_room_in_an_empty_foreground(name: str) -> None:
    with pytest.raises(InputError, match="expected"):
        kinds(SHAPES)[name].make(np.zeros(SHAPE, dtype=bool), SPACING, 2, 0)


@pytest.mark.parametrize("name", ["lesion", "blob", "edge"])
def test_sizes_in_ml_are_met(foreground: Mask, name: str) -> None:
    mask = kinds(SHAPES)[name].make(foreground, SPACING, 8.0, 3)
    ml = np.count_nonzero(mask & foreground) * 27.0 / 1000.0
    assert ml == pytest.approx(8.0, rel=0.35)


@pytest.mark.parametrize(("name", "axis"), [("slab-i", 0), ("slab-j", 1), ("slab-k", 2), ("slices", 2)])
def test_lost_slices_are_whole_neighbours_with_tissue_on_both_sides(
    foreground: Mask, name: str, axis: int
) -> None:
    mask = KINDS[name].make(foreground, SPACING, 4, 1)
    lost = np.moveaxis(mask, axis, 0)
    numbers = np.flatnonzero(lost.any(axis=(1, 2)))
    assert lost[numbers].all()
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert len(numbers) == 4
    tissue = np.asarray(np.moveaxis(foreground, axis, 0).any(axis=(1, 2)))
    assert tissue[: numbers[0]].any()
    assert tissue[numbers[-1] + 1 :].any()


def test_slices_are_lost_across_the_largest_spacing() -> None:
    assert [slice_axis(spacing) for spacing in ((5.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))] == [0, 1, 2]


@pytest.mark.parametrize("seed", range(6))
def test_a_block_at_the_edge_is_a_box_that_touches_one_face(foreground: Mask, seed: int) -> None:
    mask = edge_block(foreground, SPACING, volume_ml=10.0, seed=seed)
    corners = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    assert np.count_nonzero(mask) == np.prod([high - low + 1 for low, high in corners])
    assert any(low == 0 or high == n - 1 for (low, high), n in zip(corners, SHAPE, strict=True))


def test_a_block_larger_than_the_tissue_is_refused(foreground: Mask) -> None:
    with pytest.raises(InputError, match="below a face"):
        edge_block(foreground, SPACING, volume_ml=5000.0, seed=0)


def test_a_shape_is_scaled_to_the_volume_on_any_grid(foreground: Mask) -> None:
    wide: Spacing = (2.0, 1.5, 4.0)
    for seed, volume_ml in enumerate((0.6, 1.0, 2.5)):
        mask = lesion_shape(foreground, wide, volume_ml=volume_ml, seed=seed, shapes=SHAPES)
        assert np.count_nonzero(mask) * 12.0 / 1000.0 == pytest.approx(volume_ml, abs=0.006001)
        assert label(mask)[1] == 1
        assert (mask & foreground).sum() >= 0.9 * mask.sum()


def test_no_shape_of_about_the_size_is_refused(foreground: Mask) -> None:
    with pytest.raises(InputError, match="of which none is of about that size"):
        lesion_shape(foreground, SPACING, volume_ml=60.0, seed=0, shapes=SHAPES)


def test_no_place_for_a_shape_is_refused() -> None:
    thin = np.zeros(SHAPE, dtype=bool)
    thin[20] = True
    with pytest.raises(InputError, match="of which none fits into the tissue"):
        lesion_shape(thin, SPACING, volume_ml=1.0, seed=0, shapes=SHAPES)


def test_an_empty_lesion_mask_is_no_shape() -> None:
    with pytest.raises(InputError, match="at least one voxel"):
        LesionShape.cut_out(np.zeros((3, 3, 3), dtype=bool), SPACING)


def test_sizes_are_drawn_between_the_limits_and_slices_are_whole() -> None:
    assert all(8.0 <= KINDS["blob"].drawn_size((8.0, 15.0), seed) <= 15.0 for seed in range(20))
    assert {KINDS["slices"].drawn_size((1, 3), seed) for seed in range(30)} == {1.0, 2.0, 3.0}


def test_lesions_stand_in_the_table_only_with_shapes() -> None:
    assert "lesion" not in kinds()
    assert "lesion" in kinds(SHAPES)


def test_the_body_has_no_holes_and_no_specks() -> None:
    full = ball(12.0, 40)
    bright = full.copy()
    bright[18:22, 18:22, 18:22] = False
    bright[10:30, 19:21, 28:] = False
    bright[1, 1, 1] = True
    found = body(bright, (1.0, 1.0, 1.0))
    assert found[20, 20, 20]
    assert not found[1, 1, 1]
    assert np.count_nonzero(found ^ full) < 0.01 * np.count_nonzero(full)
    assert not body(np.zeros((4, 4, 4), dtype=bool), (1.0, 1.0, 1.0)).any()
