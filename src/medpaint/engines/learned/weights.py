"""Weight files: the shipped ones, and how they are written, checked and read. Reading never runs code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.engines.learned.networks.names import NetworkName
from medpaint.engines.registry import ENGINES

if TYPE_CHECKING:
    from medpaint.engines.learned.networks.base import CorrectionNetwork

__all__ = ["Loaded", "WeightsFacts", "load_weights", "save_weights", "shipped_path"]

_FOLDER: Final = "shipped"
_KEY: Final = "medpaint"


class WeightsFacts(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkName
    channels: tuple[int, ...]
    units: int
    inputs: int
    size: int
    recipe: str
    recipe_sha256: str
    steps: int
    scores: dict[str, float] = {}


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


def shipped_path(name: NetworkName) -> Path:
    """Return the path of the weights that medpaint ships for a network."""
    return Path(str(files("medpaint.engines.learned") / _FOLDER / f"{name}.safetensors"))


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
        content = path.read_bytes()
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
    except (SafetensorError, KeyError, ValueError, ValidationError) as error:
        message = f"{path}: expected a safetensors file from medpaint train, got something else"
        raise UnreadableError(message) from error


def _built(facts: WeightsFacts, tensors: dict[str, Any], path: Path, device: str) -> CorrectionNetwork:
    """Return the network that the metadata describes, with these weights."""
    import torch

    from medpaint.engines.learned.networks.build import built

    network = built(facts.network, inputs=facts.inputs, channels=facts.channels, units=facts.units)
    try:
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError as error:
        message = f"{path}: expected weights of a {facts.network} with channels {facts.channels}, got others"
        raise UnreadableError(message) from error
    layout = torch.channels_last_3d if network.architecture.ndim == 3 else torch.channels_last
    try:
        if device.startswith("cuda"):
            network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's types know 2D layouts only
        return network.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        message = f"expected a device that this machine has, got {device}; use cpu: {str(error).splitlines()[0]}"
        raise UsageError(message) from error
