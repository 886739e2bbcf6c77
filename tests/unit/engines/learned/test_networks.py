"""The networks before any training."""

from __future__ import annotations

import pytest

from medpaint.engines.learned.networks.names import NETWORKS, NetworkName


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_adds_nothing_and_can_learn(name: NetworkName) -> None:
    import torch

    from medpaint.engines.learned.networks.build import built

    network = built(name, inputs=7, channels=(4, 8), units=2)
    shown = torch.randn(2, 7, *(16,) * NETWORKS[name].ndim)
    answer = network(shown)
    assert answer.shape == (2, 1, *shown.shape[2:])
    assert not answer.any()
    (answer - 1.0).square().mean().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
