"""Weight files: the shipped ones, and how they are written, checked and read. Reading never runs code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.text import problem
from medpaint.engines.learned.networks.names import (
    MOST_LEVELS,
    MOST_UNITS,
    NETWORKS,
    Blocks,
    Features,
    FirstFill,
    NetworkName,
    WindowEdge,
    blocks_misfit,
    window_misfit,
)
from medpaint.engines.learned.tensors import input_channels, network_of, outline_of
from medpaint.engines.learned.usage import Runnable, Usage
from medpaint.engines.registry import ENGINES

if TYPE_CHECKING:
    from medpaint.engines.learned.networks.base import CorrectionNetwork

__all__ = ["Loaded", "WeightsFacts", "load_weights", "save_weights", "shipped_card", "shipped_path"]

_FOLDER: Final = "shipped"
_KEY: Final = "medpaint"

_MOST_BYTES: Final = 4 << 30
"""Largest file that is read as weights; those of a network of medpaint have some megabytes."""


class WeightsFacts(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkName
    channels: tuple[Features, ...] = Field(min_length=2, max_length=MOST_LEVELS)
    units: int = Field(ge=1, le=MOST_UNITS)
    blocks: Blocks = "residual"
    inputs: int
    size: WindowEdge
    recipe: str
    recipe_sha256: str
    steps: int
    start: FirstFill = "biharmonic"
    scores: dict[str, float] = {}

    @model_validator(mode="after")
    def _check(self) -> WeightsFacts:
        """Refuse inputs and windows that the network cannot have."""
        inputs = input_channels(self.network)
        if self.inputs != inputs:
            message = f"expected {inputs} inputs, got {self.inputs}"
            raise ValueError(message)
        if self.start != "biharmonic" and not NETWORKS[self.network].for_lost_slices:
            message = f"expected a network for lost slices to start from {self.start}, got {self.network}"
            raise ValueError(message)
        expected = blocks_misfit(self.network, self.blocks)
        if expected:
            message = f"expected {expected} blocks for {self.network}, got {self.blocks}"
            raise ValueError(message)
        misfit = window_misfit(self.network, len(self.channels), self.size, self.blocks)
        if misfit:
            message = f"expected a size of {misfit}, got {self.size}"
            raise ValueError(message)
        return self


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network that is ready to run.

    Attributes:
        network: on its device, in evaluation mode.
        facts: the metadata in its file.
        sha256: hash of the file.
        device: where it runs, as torch names it.
    """

    network: CorrectionNetwork
    facts: WeightsFacts
    sha256: str
    device: str

    @property
    def runnable(self) -> Runnable:
        """The network as it is used on first fills."""
        facts, network = self.facts, NETWORKS[self.facts.network]
        if network.halves:
            usage = Usage(network, edge=facts.size)
        else:  # convolutions, each of one voxel on every side
            usage = Usage(network, reach=2 + facts.units * len(facts.channels))
        return Runnable(self.network, usage, self.sha256, self.device)


def shipped_path(name: NetworkName) -> Path:
    """Return the path of the weights that medpaint ships for a network."""
    return Path(str(files("medpaint.engines.learned") / _FOLDER / f"{name}.safetensors"))


def shipped_card(name: NetworkName) -> str:
    """Return the page about the weights that medpaint ships for a network, in Markdown."""
    return shipped_path(name).with_suffix(".md").read_text(encoding="utf-8")


def save_weights(network: CorrectionNetwork, facts: WeightsFacts, path: Path) -> str:
    """Write a network's weights in half precision, and return the file's SHA-256."""
    import torch
    from safetensors.torch import save

    tensors = {name: value.to("cpu", torch.float16).contiguous() for name, value in network.state_dict().items()}
    content = save(tensors, {_KEY: facts.model_dump_json()})
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_weights(name: NetworkName, path: Path | None = None, *, device: str = "cpu") -> Loaded:
    """Return a network with its weights.

    Args:
        name: which network.
        path: a file from `medpaint train`; None takes the shipped one, whose hash is checked.
        device: as torch names it.

    Raises:
        UnreadableError: no such file, not weights of this network, or not the shipped ones.
        UsageError: this machine does not have the device.
    """
    expected = "" if path else ENGINES[name].weights_sha256
    path = path or shipped_path(name)
    try:
        content = _content(path)
    except OSError as error:
        message = f"{path}: expected weights of {name}: {error.strerror}"
        raise UnreadableError(message) from error
    digest = hashlib.sha256(content).hexdigest()
    if expected and digest != expected:
        message = (
            f"{path}: expected the weights with hash {expected[:12]} that medpaint ships, got {digest[:12]}; "
            "install medpaint again"
        )
        raise UnreadableError(message)
    return _loaded(name, path, content, device)


def _content(path: Path) -> bytes:
    """Return the bytes of a file of weights.

    Raises:
        OSError: it cannot be read.
        UnreadableError: it is no regular file, or far too large.
    """
    size = path.stat().st_size
    if not path.is_file():
        message = f"{path}: expected a file of weights, got a folder, pipe or device"
        raise UnreadableError(message)
    if size > _MOST_BYTES:
        message = f"{path}: expected weights of at most {_MOST_BYTES >> 20:,} MiB, got {size >> 20:,} MiB"
        raise UnreadableError(message)
    return path.read_bytes()


@lru_cache(maxsize=4)
def _loaded(name: NetworkName, path: Path, content: bytes, device: str) -> Loaded:
    """Check a file's content and build the network; cached, because a batch of scans shares its network."""
    facts, tensors = _parsed(content, path)
    if facts.network != name:
        message = f"{path}: expected weights of {name}, got those of {facts.network}; choose that engine"
        raise UnreadableError(message)
    return Loaded(_built(facts, tensors, path, device), facts, hashlib.sha256(content).hexdigest(), device)


def _parsed(content: bytes, path: Path) -> tuple[WeightsFacts, dict[str, Any]]:
    """Return the metadata and the tensors by name of a file of weights."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return WeightsFacts.model_validate_json(header["__metadata__"][_KEY]), tensors
    except ValidationError as error:
        message = f"{path}: expected metadata of medpaint train: {problem(error.errors(include_url=False)[0])}"
        raise UnreadableError(message) from error
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        message = f"{path}: expected a safetensors file from medpaint train, got something else"
        raise UnreadableError(message) from error


def _built(facts: WeightsFacts, tensors: dict[str, Any], path: Path, device: str) -> CorrectionNetwork:
    """Return the network that the metadata describes, with these weights."""
    import torch

    try:
        network = network_of(outline_of(facts.network, facts.channels, facts.units, facts.blocks), tensors)
    except ValueError as error:
        message = f"{path}: expected weights of a {facts.network} with channels {facts.channels}, with {error}"
        raise UnreadableError(message) from error
    layout = torch.channels_last_3d if network.architecture.ndim == 3 else torch.channels_last
    try:
        network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's types know 2D layouts only
        return network.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        message = f"expected a device that this machine has, got {device}; use cpu: {str(error).splitlines()[0]}"
        raise UsageError(message) from error
