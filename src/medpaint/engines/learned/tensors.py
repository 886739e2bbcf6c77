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

__all__ = ["check_tensors", "input_channels", "network_of", "outline_of"]

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
    check_tensors(outline.state_dict(), tensors, "this network")
    outline.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return outline


def check_tensors(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], network: str) -> None:
    """Refuse tensors that are not those of a network.

    Args:
        wanted: the network's own, by name.
        tensors: what is to take their place.
        network: its name, for the message.

    Raises:
        ValueError: a tensor is missing, or is not what is wanted; the message says what was expected.
    """
    for name in (*wanted, *tensors):
        if name not in tensors:
            message = f"a tensor {name}, found none"
            raise ValueError(message)
        if name not in wanted:
            message = f"only tensors of {network}, found {escaped(name)!r} too"
            raise ValueError(message)
        _check(name, wanted[name], tensors[name])


def _check(name: str, wanted: Tensor, found: Tensor) -> None:
    """Refuse a tensor of another shape or type, or with values that are not finite."""
    if found.shape != wanted.shape:
        message = f"{name} of shape {tuple(wanted.shape)}, got {tuple(found.shape)}"
        raise ValueError(message)
    types = _TYPES if wanted.dtype.is_floating_point else (_type_of(wanted),)
    if _type_of(found) not in types:
        message = f"{name} of type {', '.join(types)}, got {_type_of(found)}"
        raise ValueError(message)
    if not bool(found.float().isfinite().all()):
        message = f"finite values in {name}, got NaN or infinity"
        raise ValueError(message)


def _type_of(tensor: Tensor) -> str:
    """Return the name of a tensor's type."""
    return str(tensor.dtype).removeprefix("torch.")
