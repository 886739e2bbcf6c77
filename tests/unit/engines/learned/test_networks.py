"""The networks before any training."""

from __future__ import annotations

import pytest

from medpaint.engines.learned.networks.names import NETWORKS, Blocks, NetworkName, window_misfit

NETS = [*((name, "residual") for name in NETWORKS), ("unet3d", "gated"), ("unet2d", "gated")]
"""The networks, and the blocks that they can be made of."""


@pytest.mark.parametrize(("name", "blocks"), NETS)
def test_an_untrained_network_adds_nothing_and_can_learn(name: NetworkName, blocks: Blocks) -> None:
    import torch

    from medpaint.engines.learned.networks.build import built

    network = built(name, inputs=7, channels=(4, 8), units=2, blocks=blocks)
    shown = torch.randn(2, 7, *(16,) * NETWORKS[name].ndim)
    answer = network(shown)
    assert answer.shape == (2, 1, *shown.shape[2:])
    assert not answer.any()
    (answer - 1.0).square().mean().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_gated_blocks_weigh_every_voxel_of_a_window() -> None:
    import torch

    from medpaint.engines.learned.networks.build import runnable

    torch.manual_seed(0)
    network = runnable("unet3d", inputs=5, channels=(4, 8), units=1, blocks="gated").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.3)
        shown = torch.randn(1, 5, 16, 16, 16)
        before = network(shown)
        shown[..., 0, 0, 0] += 1.0
        after = network(shown)
    assert float((after - before)[..., -1, -1, -1].abs()) > 0.0


@pytest.mark.parametrize(("edge", "fits"), [(32, True), (24, True), (20, False), (8, False)])
def test_each_level_of_gated_blocks_halves_the_window(edge: int, *, fits: bool) -> None:
    assert (not window_misfit("unet3d", 3, edge, "gated")) == fits
