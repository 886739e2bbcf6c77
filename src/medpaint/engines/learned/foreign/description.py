"""The description of a foreign network: one YAML file, every key described."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.plain_yaml import plain_yaml
from medpaint.core.text import problem
from medpaint.engines.learned.networks.names import FirstFill, NetworkInfo, WindowEdge
from medpaint.engines.learned.start import CHANNELS
from medpaint.engines.learned.usage import Channel, Inputs, Usage

__all__ = ["Described", "Description", "Intensities", "content_of", "read_description"]

_MOST_BYTES: Final = 1 << 20
"""Largest description that is read."""

_Pair: TypeAlias = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Intensities(_Part):
    """How the intensities of a scan are scaled for the network, and its output back."""

    scale: Literal["deviation", "percentiles", "values"] = Field(
        "deviation",
        description="deviation: to mean 0 and standard deviation 1; percentiles, values: from `range`, "
        "which holds two percentiles or two intensities of the scan, to `to`.",
    )
    over: Literal["hole", "scan"] = Field(
        "hole",
        description="Where the known voxels are that deviation and percentiles are taken of: within 20 mm of the "
        "holes, or in the whole scan.",
    )
    tissue: bool = Field(default=False, description="Leave the dark background out of these voxels.")
    range: _Pair | None = Field(None, description="Two percentiles, or two intensities, the smaller one first.")
    to: _Pair = Field((0.0, 1.0), description="What the network sees in place of the two of `range`.")
    clip: bool = Field(default=False, description="Show the network nothing beyond `to`.")

    @model_validator(mode="after")
    def _check(self) -> Intensities:
        """Refuse ranges that are missing, out of order or have no meaning."""
        by_range = self.scale != "deviation"
        if by_range != (self.range is not None):
            message = f"expected range {'with' if by_range else 'only without'} scale: {self.scale}"
            raise ValueError(message)
        if not by_range and self.clip:
            message = "expected clip only with scale: percentiles or values"
            raise ValueError(message)
        for low, high in (self.range or (0.0, 1.0), self.to):
            if low >= high:
                message = "expected the smaller number first, and two different ones"
                raise ValueError(message)
        if self.scale == "percentiles" and self.range and not 0.0 <= self.range[0] < self.range[1] <= 100.0:
            message = "expected percentiles from 0 to 100"
            raise ValueError(message)
        return self


class Description(_Part):
    """What a foreign network is, what it sees and what its output means."""

    network: str = Field(
        "",
        pattern=r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?$",
        description="Class of the network, as module:Class; a torch.nn.Module that Python can import.",
    )
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, description="Keyword arguments that the class is made with."
    )
    bundle: str = Field("", description="In place of `network`: folder of a MONAI bundle.")
    weights: str = Field(
        "",
        description="The network's state dict, a safetensors file; empty: models/model.safetensors of the bundle.",
    )
    axes: Literal[2, 3] = Field(description="Whether the network sees slices (2) or volumes (3).")
    inputs: tuple[Channel, ...] = Field(
        min_length=1, max_length=64, description="What its input channels hold, in their order."
    )
    slices: Annotated[int, Field(ge=1, le=101)] = Field(
        1,
        description="With axes: 2, number of slices in the input, an odd one; the slice to fill is in the middle.",
    )
    holes: Literal["any", "lost slices"] = Field(
        "any", description="What it fills; one for lost slices sees the nearest known slices on either side."
    )
    start: FirstFill | Literal["exemplar"] = Field(
        "biharmonic",
        description="The first fill, which the network sees or corrects, and which stays where it cannot run.",
    )
    hole_value: float = Field(
        0.0, ge=-1e3, le=1e3, description="Scaled intensity of the input voided in the hole."
    )
    intensities: Intensities = Field(default_factory=Intensities, description="How intensities are scaled.")
    spacing_mm: float | None = Field(
        None,
        ge=0.01,
        le=100.0,
        description="Size of the voxels that the network sees; null: that of the scan's.",
    )
    window: WindowEdge | None = Field(description="Edge in voxels of what it sees at once; null: any size.")
    reach: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="With window: null, how many voxels away an output depends on its input, so that large planes "
        "can be cut into strips.",
    )
    context_mm: float | None = Field(
        None,
        ge=0.0,
        le=300.0,
        description="Margin of known tissue around a hole that it sees; null: half a window.",
    )
    output: Literal["image", "correction"] = Field(
        description="What its one output channel is: the filled image, or what to add to the start, both scaled."
    )
    mirror: bool = Field(default=False, description="At effort best, average over mirror images.")
    draws: bool = Field(
        default=False, description="It draws random numbers when it runs; they then come from the seed."
    )

    @model_validator(mode="after")
    def _check(self) -> Description:
        """Refuse keys that exclude each other."""
        if message := self._misfit():
            raise ValueError(message)
        return self

    def _misfit(self) -> str:
        """Return what is wrong with keys that depend on each other; empty if nothing is."""
        return self._source_misfit() or self._holes_misfit()

    def _source_misfit(self) -> str:
        """Return what is wrong with where the network comes from."""
        if bool(self.network) == bool(self.bundle):
            return "expected either network, as module:Class, or bundle, a folder"
        if self.bundle and self.arguments:
            return "expected arguments only with network: a bundle has its own"
        if self.network and not self.weights:
            return "expected weights, a safetensors file, with network"
        return ""

    def _holes_misfit(self) -> str:
        """Return what is wrong with what the network sees."""
        if self.slices % 2 == 0 or (self.slices > 1 and self.axes == 3):
            return f"expected an odd number of slices, and 1 with axes: 3, got {self.slices}"
        if self.holes == "lost slices" and (self.axes == 3 or self.inputs != CHANNELS or self.intensities.clip):
            return f"expected axes: 2, inputs {', '.join(CHANNELS)} and no clip for lost slices"
        if self.start == "registered" and self.holes == "any":
            return "expected start: registered only with holes: lost slices"
        if self.reach is not None and self.window is not None:
            return "expected reach only with window: null"
        return ""

    @property
    def info(self) -> NetworkInfo:
        """Axes and slices of the network."""
        return NetworkInfo(self.axes, self.slices, for_lost_slices=self.holes == "lost slices")

    @property
    def usage(self) -> Usage:
        """How the network is used."""
        scaled = self.intensities
        inputs = Inputs(self.inputs, self.hole_value, scaled.to if scaled.clip else None)
        return Usage(self.info, inputs, self.window, self.reach, self.spacing_mm, image=self.output == "image")

    def seen_mm(self, coarsest_mm: float) -> float:
        """Return the margin of known tissue that the network sees around a hole, mm.

        Args:
            coarsest_mm: largest voxel size of the scan.
        """
        if self.context_mm is not None:
            return self.context_mm
        return (self.window or 64) / 2.0 * (self.spacing_mm or coarsest_mm)


@dataclass(frozen=True)
class Described:
    """A description, and where it came from.

    Attributes:
        description: what it says.
        path: its file; paths in it start from its folder.
        sha256: hash of the file.
    """

    description: Description
    path: Path
    sha256: str

    @property
    def bundle(self) -> Path | None:
        """The folder of the bundle; None for a class."""
        return self.path.parent / self.description.bundle if self.description.bundle else None

    @property
    def weights(self) -> Path:
        """The file of weights."""
        if self.description.weights:
            return self.path.parent / self.description.weights
        return (self.bundle or self.path.parent) / "models" / "model.safetensors"


def read_description(path: Path) -> Described:
    """Read a description.

    Raises:
        UnreadableError: no such file, or not plain YAML.
        UsageError: an unknown key, or a value that does not fit.
    """
    if path.is_dir():
        message = f"{path}: expected a description of a network, a YAML file, got a folder: name a bundle in one"
        raise UnreadableError(message)
    content = content_of(path, "a description of a network", _MOST_BYTES)
    values: Any = plain_yaml(content, path)
    try:
        description = Description.model_validate(values)
    except ValidationError as error:
        message = f"{path}: {problem(error.errors(include_url=False)[0])}"
        raise UsageError(message) from error
    return Described(description, path, hashlib.sha256(content).hexdigest())


def content_of(path: Path, what: str, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        UnreadableError: there is none, it is something else, or it is too large.
    """
    try:
        if not path.is_file():
            found = "a folder, pipe or device" if path.exists() else "no such file"
            message = f"{path}: expected {what}: {found}"
            raise UnreadableError(message)
        if (size := path.stat().st_size) > most:
            message = f"{path}: expected {what} of at most {most >> 20:,} MiB, got {size >> 20:,} MiB"
            raise UnreadableError(message)
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: expected {what}: {error.strerror}"
        raise UnreadableError(message) from error
