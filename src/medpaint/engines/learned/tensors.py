"""The tensors in a file of weights, compared with its metadata before anything is built of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from medpaint.core.text import escaped
from medpaint.engines.learned.networks.names import NETWORKS, Blocks, NetworkName
from medpaint.engines.learned.start import CHANNELS

if TYPE_CHECKING:
    from torch import Tensor

    from medpaint.engines.learned.networks.base import CorrectionNetwork

__all__ = ["input_channels", "network_of", "outline_of"]

_TYPES: Final = ("float16", "bfloat16", "float32", "float64")


def input_channels(name: NetworkName) -> int:
    """Return the number of a network's input channels."""
    return NETWORKS[name].slices * len(CHANNELS)


def outline_of(
    name: NetworkName, channels: tuple[int, ...], units: int, blocks: Blocks = "residual"
) -> CorrectionNetwork:
    """Return a network without memory for its weights, which still have their shapes."""
    import torch

    from medpaint.engines.learned.networks.build import runnable

    with torch.device("meta"):
        return runnable(name, inputs=input_channels(name), channels=channels, units=units, blocks=blocks)


def network_of(outline: CorrectionNetwork, tensors: Mapping[str, Tensor]) -> CorrectionNetwork:
    """Return the network with these weights, in single precision.

    Raises:
        ValueError: a tensor is missing, or is not what the outline wants; the message says what was expected.
    """
    wanted = outline.state_dict()
    for name in (*wanted, *tensors):
        if name not in tensors:
            message = f"a tensor {name}, found none"
            raise ValueError(message)
        if name not in wanted:
            message = f"only tensors of this network, found {escaped(name)!r} too"
            raise ValueError(message)
        _check(name, wanted[name], tensors[name])
    outline.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return outline


def _check(name: str, wanted: Tensor, found: Tensor) -> None:
    """Refuse a tensor of another shape or type, or with values that are not finite."""
    if found.shape != wanted.shape:
        message = f"{name} of shape {tuple(wanted.shape)}, got {tuple(found.shape)}"
        raise ValueError(message)
    kind = str(found.dtype).removeprefix("torch.")
    if kind not in _TYPES:
        message = f"{name} of type {', '.join(_TYPES)}, got {kind}"
        raise ValueError(message)
    if not bool(found.float().isfinite().all()):
        message = f"finite values in {name}, got NaN or infinity"
        raise ValueError(message)
