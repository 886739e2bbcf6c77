"""Networks built by name."""

from __future__ import annotations

from typing import Final

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork
from medpaint.engines.learned.networks.gated import GatedUNet
from medpaint.engines.learned.networks.names import NETWORKS, Blocks, NetworkName
from medpaint.engines.learned.networks.parts import Parts
from medpaint.engines.learned.networks.resnet import CorrectionResNet
from medpaint.engines.learned.networks.torch_parts import TorchParts
from medpaint.engines.learned.networks.unet import CorrectionUNet

__all__ = ["built", "runnable"]

_CLASSES: Final[dict[NetworkName, type[CorrectionUNet | CorrectionResNet]]] = {
    "unet3d": CorrectionUNet,
    "unet2d": CorrectionUNet,
    "resnet2d": CorrectionResNet,
}


def built(
    name: NetworkName, *, inputs: int, channels: tuple[int, ...], units: int, blocks: Blocks = "residual"
) -> CorrectionNetwork:
    """Return a network to train, with random weights and of MONAI's parts; see `Architecture` and `Parts`."""
    from medpaint.engines.learned.networks.monai_parts import MonaiParts

    return _made(name, Architecture(NETWORKS[name].ndim, inputs, channels, units, blocks), MonaiParts())


def runnable(
    name: NetworkName, *, inputs: int, channels: tuple[int, ...], units: int, blocks: Blocks = "residual"
) -> CorrectionNetwork:
    """Return the network that runs the weights of one that `built` made; it needs torch only."""
    return _made(name, Architecture(NETWORKS[name].ndim, inputs, channels, units, blocks), TorchParts())


def _made(name: NetworkName, architecture: Architecture, parts: Parts) -> CorrectionNetwork:
    """Return a network of its parts; gated blocks are the same for training and for restoring."""
    return GatedUNet(architecture) if architecture.blocks == "gated" else _CLASSES[name](architecture, parts)
