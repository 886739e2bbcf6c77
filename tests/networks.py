"""Weights of tiny networks, for tests of the engines that use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medpaint.engines.learned.networks.names import NETWORKS, Blocks, FirstFill, NetworkName

__all__ = ["SIZE", "one_thread", "tiny_weights"]

SIZE = 16
"""Edge in voxels of the windows that the tiny networks see."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: small arrays are slower with more."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


def tiny_weights(
    name: NetworkName,
    folder: Path,
    *,
    output: float,
    varied: float = 0.0,
    start: FirstFill = "biharmonic",
    blocks: Blocks = "residual",
) -> Path:
    """Write the weights of a network whose output is `output` everywhere, or varies around it by `varied`."""
    import torch

    from medpaint.engines.learned.networks.build import built
    from medpaint.engines.learned.start import CHANNELS
    from medpaint.engines.learned.weights import WeightsFacts, save_weights

    inputs = NETWORKS[name].slices * len(CHANNELS)
    torch.manual_seed(0)
    network = built(name, inputs=inputs, channels=(4, 8), units=1, blocks=blocks)
    *_, last, bias = network.parameters()
    with torch.no_grad():
        last.normal_(0.0, varied / last[0].numel() ** 0.5)
        bias.fill_(output)
    facts = WeightsFacts(
        network=name,
        channels=(4, 8),
        units=1,
        inputs=inputs,
        size=SIZE,
        recipe="t",
        recipe_sha256="",
        steps=0,
        start=start,
        blocks=blocks,
    )
    path = folder / f"{name}-{output}-{varied}-{start}-{blocks}.safetensors"
    save_weights(network, facts, path)
    return path
