"""The windows that a network sees in turn."""

from __future__ import annotations

import pytest

from medpaint.engines.learned.tiles import tile_weights, tiles


@pytest.mark.parametrize("edge", [16, 40, 64, 65])
@pytest.mark.parametrize("more", [(0, 0, 0), (1, 9, 10), (63, 5, 120)])
def test_windows_are_those_of_monai(edge: int, more: tuple[int, ...]) -> None:
    from monai.data.utils import dense_patch_slices

    shape = tuple(edge + extra for extra in more)
    assert tiles(shape, edge) == dense_patch_slices(shape, [edge] * 3, [round(edge * 0.6)] * 3)


@pytest.mark.parametrize(("ndim", "edge"), [(2, 16), (2, 97), (3, 48), (3, 64)])
def test_weights_are_those_of_monai(ndim: int, edge: int) -> None:
    import torch
    from monai.data.utils import compute_importance_map

    assert torch.equal(tile_weights(ndim, edge), compute_importance_map((edge,) * ndim, mode="gaussian"))
