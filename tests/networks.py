"""Weights of tiny networks, for tests of the engines that use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from medpaint.engines.learned.networks.names import NETWORKS, Blocks, FirstFill, NetworkName

__all__ = ["SIZE", "one_thread", "tiny_description", "tiny_weights"]

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


def tiny_description(folder: Path, **keys: Any) -> Path:
    """Write weights and description of a small network of MONAI that changes a smooth fill a little."""
    import torch
    from monai.networks.nets.unet import UNet
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    shape: dict[str, Any] = {
        "spatial_dims": 3,
        "in_channels": 2,
        "out_channels": 1,
        "channels": [4, 8],
        "strides": [2],
    }
    torch.manual_seed(0)
    network = UNet(**shape)
    *_, last, bias = network.parameters()
    with torch.no_grad():
        last.mul_(0.1)
        bias.fill_(0.02)
    save_file(network.state_dict(), folder / "tiny.safetensors")
    described = {
        "network": "monai.networks.nets:UNet",
        "arguments": shape,
        "weights": "tiny.safetensors",
        "axes": 3,
        "inputs": ["start", "mask"],
        "window": SIZE,
        "output": "correction",
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(described | keys), encoding="utf-8")
    return path
