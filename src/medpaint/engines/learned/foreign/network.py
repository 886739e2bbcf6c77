"""A foreign network with its weights, and the checks of what it answers."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from threading import Lock, local
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from medpaint.core.crash import is_out_of_memory
from medpaint.core.errors import EngineError, UnreadableError, UsageError
from medpaint.engines.learned.foreign.classes import Blueprint, first_line
from medpaint.engines.learned.foreign.description import Described, Description, content_of
from medpaint.engines.learned.networks.base import CorrectionNetwork
from medpaint.engines.learned.tensors import check_tensors
from medpaint.engines.learned.usage import Runnable

__all__ = ["Answering", "load_foreign"]

_MOST_BYTES: Final = 16 << 30
"""Largest file of weights that is read."""

_FILLED: Final = {"start", "smooth", "other side"}
"""Input channels that show something even where nothing is known."""

_ONE: Final = Lock()
"""Held while a network draws random numbers: torch has one generator for all threads."""


def load_foreign(described: Described, blueprint: Blueprint, *, device: str, seed: int) -> Runnable:
    """Return the network of a description, ready to run.

    Args:
        described: the description.
        blueprint: what its network is built from.
        device: where it runs, as torch names it.
        seed: for a network that draws random numbers.

    Raises:
        UnreadableError: no such weights, or not in safetensors format.
        UsageError: the class cannot be used, the weights do not fit it, or this machine does not have the device.
    """
    content = content_of(described.weights, "weights of a network", _MOST_BYTES)
    network = _loaded(blueprint, described.weights, content, device)
    answering = Answering(network, blueprint.name, described.description, seed).eval()
    return Runnable(answering, described.description.usage, hashlib.sha256(content).hexdigest(), device)


@final
class Answering(nn.Module):
    """Asks a foreign network, and returns what to add to the first fill, (B, C, ...) to (B, 1, ...).

    Its input has the network's own channels first; see `Inputs.stacked`.

    Args:
        network: the foreign one, on its device, in evaluation mode.
        name: its class, for messages.
        description: what it sees and answers.
        seed: for its random numbers, the same ones for every batch.
    """

    def __init__(self, network: nn.Module, name: str, description: Description, seed: int) -> None:
        super().__init__()
        self.network, self.name, self.description, self.seed = network, name, description, seed
        self._threads = local()

    def forward(self, shown: Tensor) -> Tensor:
        """Return what to add to the first fill.

        Raises:
            EngineError: the network failed, or its output has the wrong shape or type, or is not finite.
        """
        inputs, slices = self.description.usage.inputs, self.description.slices
        own = shown[:, : len(inputs.names) * slices].clone(memory_format=torch.contiguous_format)
        try:
            with torch.autocast(shown.device.type, enabled=False):
                answer = self._drawn(own) if self.description.draws else self._own()(own)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            message = f"{self.name} failed on an input of shape {tuple(own.shape)}: {first_line(error)}"
            raise EngineError(message) from error
        self._check(answer, own)
        if self.description.output == "image":
            start = inputs.start_at * slices + slices // 2
            answer = answer - shown[:, start : start + 1]
        if _FILLED & set(inputs.names):
            return answer
        hole = shown[:, inputs.hole_at * slices :][:, :slices]
        known = (hole < 1.0).flatten(1).any(dim=1).view(-1, *(1,) * (answer.ndim - 1))
        return answer * known

    def _own(self) -> nn.Module:
        """Return the network for this thread, because a forward pass may keep notes in the modules.

        Its modules are copies, its parameters are not.
        """
        if not hasattr(self._threads, "network"):
            shared: dict[int, Any] = {id(one): one for one in self.network.parameters()}
            self._threads.network = deepcopy(self.network, shared)
        own: nn.Module = self._threads.network
        return own

    def _drawn(self, own: Tensor) -> Tensor:
        """Run the network with random numbers that follow from the seed."""
        devices = [own.device] if own.device.type == "cuda" else []
        with _ONE, torch.random.fork_rng(devices):
            torch.manual_seed(self.seed)
            answer: Tensor = self.network(own)
        return answer

    def _check(self, answer: Any, own: Tensor) -> None:  # noqa: ANN401 - whatever the network returns
        """Refuse an answer that cannot be used.

        Raises:
            EngineError: it is not as described.
        """
        expected = (len(own), 1, *own.shape[2:])
        if not isinstance(answer, Tensor):
            message = f"{self.name}: expected one tensor as output, got {type(answer).__name__}"
            raise EngineError(message)
        if answer.shape != expected or not answer.dtype.is_floating_point:
            kind = str(answer.dtype).removeprefix("torch.")
            message = (
                f"{self.name}: expected floating-point output of shape {expected} for input of shape "
                f"{tuple(own.shape)}, got {kind} of shape {tuple(answer.shape)}"
            )
            raise EngineError(message)
        if not bool(answer.isfinite().all()):
            wrong = f"{int((~answer.isfinite()).sum()):,} of {answer.numel():,} values"
            message = f"{self.name}: expected finite output, got {wrong} that are not"
            raise EngineError(message)


@lru_cache(maxsize=2)
def _loaded(blueprint: Blueprint, path: Path, content: bytes, device: str) -> nn.Module:
    """Build the network and give it its weights; cached, because a batch of scans shares its network."""
    tensors, network = _tensors(content, path), blueprint.built()
    try:
        check_tensors(network.state_dict(), tensors, blueprint.name)
    except ValueError as error:
        message = f"{path}: expected weights of {blueprint.name} as {blueprint.source} describes it, with {error}"
        raise UnreadableError(message) from error
    network.load_state_dict(tensors)
    if isinstance(network, CorrectionNetwork):  # quicker, and the same as for medpaint's engines
        layout = torch.channels_last_3d if network.architecture.ndim == 3 else torch.channels_last
        network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's types know 2D layouts only
    try:
        return network.to(device).eval().requires_grad_(requires_grad=False)
    except (RuntimeError, AssertionError) as error:
        message = f"expected a device that this machine has, got {device}; use cpu: {first_line(error)}"
        raise UsageError(message) from error


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name. Nothing pickled is ever opened.

    Raises:
        UnreadableError: it is another kind of file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except (SafetensorError, ValueError, TypeError, RuntimeError) as error:
        message = (
            f"{path}: expected weights in safetensors format, got something else; pickled ones (.pt, .pth) can "
            "contain code and are never opened: convert them once, with torch.load(..., weights_only=True) and "
            "safetensors.torch.save_file"
        )
        raise UnreadableError(message) from error
