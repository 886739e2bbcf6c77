"""Networks built by name."""

from __future__ import annotations

from typing import Final

from medpaint.engines.learned.networks.base import Architecture, CorrectionNetwork
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.networks.resnet import CorrectionResNet
from medpaint.engines.learned.networks.unet import CorrectionUNet

__all__ = ["built"]

_CLASSES: Final[dict[NetworkName, type[CorrectionNetwork]]] = {
    "unet3d": CorrectionUNet,
    "unet2d": CorrectionUNet,
    "resnet2d": CorrectionResNet,
}


def built(name: NetworkName, *, inputs: int, channels: tuple[int, ...], units: int) -> CorrectionNetwork:
    """Return a network with random weights; see `Architecture`."""
    return _CLASSES[name](Architecture(NETWORKS[name].ndim, inputs, channels, units))
