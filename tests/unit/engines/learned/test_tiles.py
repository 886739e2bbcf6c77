"""The windows that a network sees in turn."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask
from medpaint.engines.learned.tiles import tile_weights, tiles


def hole(shape: tuple[int, ...], *parts: tuple[slice, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for part in parts:
        mask[part] = True
    return mask


def test_a_small_hole_is_seen_by_one_window_around_it() -> None:
    mask = hole((60, 60, 60), np.s_[20:40, 25:30, 31:33])
    assert tiles(mask, 32) == [np.s_[14:46, 11:43, 16:48]]


def test_a_window_around_a_hole_at_the_end_of_the_grid_ends_there() -> None:
    mask = hole((40, 50), np.s_[0:3, 48:50])
    assert tiles(mask, 32) == [np.s_[0:32, 18:50]]


def test_windows_are_in_a_row_along_an_axis_where_the_hole_has_no_room() -> None:
    mask = hole((61, 60, 60), np.s_[20:41, 25:30, 25:30])
    starts = [window[0].start for window in tiles(mask, 32)]
    assert starts == [0, 14, 29]


@pytest.mark.parametrize("edge", [16, 40, 65])
@pytest.mark.parametrize("more", [(0, 0), (1, 9), (63, 120)])
def test_windows_cover_every_hole_and_none_is_without(edge: int, more: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    mask = rng.random((edge + more[0], edge + more[1])) < 0.01
    mask[0, 0] = mask[-1, -1] = True
    covered = np.zeros(mask.shape, dtype=bool)
    for window in tiles(mask, edge):
        assert mask[window].any()
        covered[window] = True
    assert covered[mask].all()


def test_windows_lie_close_enough_to_overlap_by_a_third() -> None:
    mask = np.ones((200, 33), dtype=bool)
    first, second = (sorted({window[axis].start for window in tiles(mask, 32)}) for axis in (0, 1))
    assert max(np.diff(first)) <= 21
    assert second == [0, 1]


def test_there_are_no_windows_without_a_hole() -> None:
    assert tiles(np.zeros((40, 40), dtype=bool), 32) == []


@pytest.mark.parametrize(("ndim", "edge"), [(2, 16), (2, 97), (3, 48), (3, 64)])
def test_weights_are_those_of_monai(ndim: int, edge: int) -> None:
    import torch
    from monai.data.utils import compute_importance_map

    assert torch.equal(tile_weights(ndim, edge), compute_importance_map((edge,) * ndim, mode="gaussian"))
