"""The networks that run are those that were trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from medpaint.engines.learned.networks.names import NETWORKS, Blocks, NetworkName
from medpaint.engines.learned.tensors import input_channels
from medpaint.engines.learned.weights import load_weights

SHAPES = [((4, 8), 1), ((4, 8), 2), ((3, 5, 7), 3)]
"""Channels and units."""


def assert_same(
    name: NetworkName,
    channels: tuple[int, ...],
    units: int,
    weights: Mapping[str, Any] | None = None,
    blocks: Blocks = "residual",
) -> None:
    """Fail unless both networks have the same parameters and, with the same weights, the same output."""
    import torch

    from medpaint.engines.learned.networks.build import built, runnable

    torch.manual_seed(0)
    trained, run = (
        make(name, inputs=input_channels(name), channels=channels, units=units, blocks=blocks).eval()
        for make in (built, runnable)
    )
    state = weights or {key: torch.randn_like(value) for key, value in trained.state_dict().items()}
    assert list(trained.state_dict()) == list(run.state_dict())
    trained.load_state_dict(state)
    run.load_state_dict(state)
    shown = torch.randn(2, input_channels(name), *(16,) * NETWORKS[name].ndim)
    with torch.inference_mode():
        assert torch.equal(trained(shown), run(shown))


@pytest.mark.parametrize(("channels", "units"), SHAPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_torch_are_those_of_monai(name: NetworkName, channels: tuple[int, ...], units: int) -> None:
    assert_same(name, channels, units)


@pytest.mark.parametrize("name", ["unet3d", "unet2d"])
def test_gated_networks_run_as_they_were_trained(name: NetworkName) -> None:
    assert_same(name, (4, 8), 2, blocks="gated")


@pytest.mark.parametrize("name", NETWORKS)
def test_shipped_networks_are_those_of_monai(name: NetworkName) -> None:
    loaded = load_weights(name)
    facts = loaded.facts
    assert_same(name, facts.channels, facts.units, loaded.network.state_dict(), facts.blocks)
