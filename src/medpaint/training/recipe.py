"""The recipe of a training: data, holes, network, loop. One YAML file, every key described."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.text import escaped, problem
from medpaint.corrupt import KINDS
from medpaint.engines.exemplar.detail import Pace
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
from medpaint.io.regular import regular_bytes

__all__ = ["Holes", "Loop", "NetworkShape", "Pairs", "Recipe", "Source", "read_recipe"]


_UNFIT: Final = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
"""What PyYAML raises for a value that is tagged as what it is not."""

_DEEPEST: Final = 32
"""Largest number of levels in a recipe."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_Size: TypeAlias = Annotated[float, Field(gt=0.0, le=1e4)]
_Count: TypeAlias = Annotated[int, Field(ge=1, le=1000)]


class Source(_Part):
    """Scans of one kind."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name of the source; the first part of its persons' names."
    )
    images: tuple[str, ...] = Field(min_length=1, description="Patterns of files below the data folder.")
    weight: float = Field(gt=0.0, description="How often a scan of this source is drawn, relative to the others.")
    person: Literal["file", "folder", "parent"] = Field(
        "file",
        description="What names a scan's person: its file (the entity sub-, or the whole name), its folder, or "
        "the folder above.",
    )
    avoid: str = Field(
        "",
        description="Mask of tissue that is not healthy, below the data folder; {folder} stands for the "
        "scan's folder.",
    )
    label_maps: bool = Field(
        default=False, description="The images are label maps: scans of random contrast are synthesised from them."
    )
    classes: tuple[str, str] | None = Field(
        None,
        description="With label maps, two .npy files below the data folder: the labels, and the class of each; "
        "labels of one class share an intensity. By default each label is its own class.",
    )


class Holes(_Part):
    """Holes of one kind."""

    kind: str = Field(description="A kind of hole, by its name in `medpaint evaluate`.")
    sizes: tuple[_Size, _Size] = Field(description="Smallest and largest size, in the kind's unit.")
    count: tuple[_Count, _Count] = Field((1, 1), description="Smallest and largest number of holes in a scan.")
    weight: float = Field(gt=0.0, description="How often this kind is drawn, relative to the others.")

    @field_validator("sizes", "count")
    @classmethod
    def _ascend(cls, limits: tuple[float, float]) -> tuple[float, float]:
        """Refuse limits in the wrong order."""
        if limits[0] > limits[1]:
            message = "expected the smaller number first"
            raise ValueError(message)
        return limits


class Pairs(_Part):
    """How pairs of input and truth are made from scans."""

    cases: int = Field(ge=1, le=10**6, description="Number of damaged scans for training.")
    validation_cases: int = Field(ge=1, le=10**6, description="Number of damaged scans for validation.")
    patches: int = Field(ge=1, le=10**4, description="Number of patches cut out of each.")
    size: WindowEdge = Field(description="Edge of a patch in voxels.")
    pace: Pace | None = Field(
        "brisk", description="How thoroughly the first fill searches for exemplars; null keeps it smooth."
    )
    start: FirstFill = Field(
        "biharmonic", description="First fill of lost slices without exemplars: biharmonic or registered."
    )
    varied: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share of the damaged scans that are varied first, as by another scanner, protocol and body.",
    )


class NetworkShape(_Part):
    """The network."""

    kind: NetworkName = Field(description="unet3d, unet2d or resnet2d.")
    channels: tuple[Features, ...] = Field(
        min_length=2,
        max_length=MOST_LEVELS,
        description="Features at each level of a U-Net, or after each residual unit of resnet2d.",
    )
    units: int = Field(
        2, ge=1, le=MOST_UNITS, description="Convolutions in each residual unit, or gated blocks at each level."
    )
    blocks: Blocks = Field(
        "residual", description="What the levels of a U-Net are made of: residual units, or gated blocks."
    )


class Loop(_Part):
    """The loop."""

    steps: int | None = Field(None, ge=1, description="Number of steps after which the training ends.")
    minutes: float | None = Field(None, gt=0.0, description="Number of minutes after which the training ends.")
    batch: int = Field(ge=1, le=4096, description="Number of patches in a step.")
    crop: WindowEdge | None = Field(
        None,
        description="Edge in voxels of the part of a patch, around its hole, that a step uses; null: all of it.",
    )
    rate: float = Field(1e-3, gt=0.0, description="Highest learning rate; a cosine reduces it to a hundredth.")
    warmup: float = Field(0.02, ge=0.0, lt=1.0, description="Share of the training during which the rate rises.")
    decay: float = Field(1e-2, ge=0.0, description="Weight decay.")
    clip: float = Field(1.0, gt=0.0, description="Largest norm of the gradient.")
    ema: float = Field(0.999, ge=0.0, lt=1.0, description="Share of the averaged weights that each step keeps.")
    precision: Literal["32-true", "bf16-mixed"] = Field("bf16-mixed", description="As Lightning Fabric names it.")
    validate_every: int = Field(
        500, ge=1, description="Number of steps between validations, each with a checkpoint."
    )


class Recipe(_Part):
    """A training."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name of the weights.")
    seed: int = Field(0, ge=0, lt=2**32, description="Determines pairs, order and initial weights.")
    sources: tuple[Source, ...] = Field((), description="Clean scans; none: synthetic heads.")
    lesions: str = Field("", description="Folder of lesion masks below the data folder, for the kind lesion.")
    validation: tuple[str, ...] = Field((), description="Persons to validate on, as SOURCE/PERSON.")
    held_out: tuple[str, ...] = Field((), description="Persons that are never used, as SOURCE/PERSON.")
    holes: tuple[Holes, ...] = Field(min_length=1, description="The holes that are made.")
    pairs: Pairs
    network: NetworkShape
    loop: Loop

    @property
    def sha256(self) -> str:
        """Hash of the whole recipe."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        UnreadableError: no such file, or not YAML.
        UsageError: an unknown key, or a value that does not fit.
    """
    values = _values(path)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        message = f"{path}: {problem(error.errors(include_url=False)[0])}"
        raise UsageError(message) from error
    _check_kinds(recipe, path)
    kind = recipe.network.kind
    for name, edge in (("pairs.size", recipe.pairs.size), ("loop.crop", recipe.loop.crop)):
        levels, blocks = len(recipe.network.channels), recipe.network.blocks
        misfit = window_misfit(kind, levels, edge, blocks) if edge is not None else ""
        if misfit:
            message = f"{path}: {name}: expected {misfit}, got {edge}"
            raise UsageError(message)
    if expected := blocks_misfit(kind, recipe.network.blocks):
        message = f"{path}: network.blocks: expected {expected} for {kind}, got {recipe.network.blocks}"
        raise UsageError(message)
    if NETWORKS[kind].for_lost_slices and recipe.pairs.pace is not None:
        message = f"{path}: expected pairs.pace: null, because {kind} starts without exemplars; set it"
        raise UsageError(message)
    if recipe.pairs.start != "biharmonic" and not NETWORKS[kind].for_lost_slices:
        message = f"{path}: expected pairs.start only for a network for lost slices, got it for {kind}; remove it"
        raise UsageError(message)
    if (recipe.loop.steps is None) == (recipe.loop.minutes is None):
        message = f"{path}: expected either loop.steps or loop.minutes; set one of them"
        raise UsageError(message)
    return recipe


def _values(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a YAML file holds.

    Raises:
        UnreadableError: no such file, or not plain YAML.
    """
    try:
        text = regular_bytes(path).decode("utf-8")
        refusal = _refusal(text)
        values = None if refusal else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {getattr(error, 'strerror', None) or 'not a text file in UTF-8'}"
        raise UnreadableError(message) from error
    except yaml.YAMLError as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None) or error
        where = f", line {mark.line + 1}" if mark else ""
        message = f"{path}{where}: expected YAML, got an error: {escaped(str(why))}"
        raise UnreadableError(message) from error
    except _UNFIT as error:
        message = f"{path}: expected YAML, got a value that its tag does not fit, or that is far too large"
        raise UnreadableError(message) from error
    if refusal:
        message = f"{path}: {refusal}"
        raise UnreadableError(message)
    return values


def _refusal(text: str) -> str:
    """Return why a text in YAML is not taken: a few lines can stand for more than any memory holds."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            return "expected YAML without aliases (*name): write the values out"
        if depth > _DEEPEST:
            return f"expected YAML of at most {_DEEPEST} levels"
    return ""


def _check_kinds(recipe: Recipe, path: Path) -> None:
    """Refuse unknown kinds of holes, and lesions without their shapes."""
    for holes in recipe.holes:
        known = [*KINDS, "lesion"]
        if holes.kind not in known:
            message = f"{path}: expected one of the kinds of holes {', '.join(known)}, got {holes.kind!r}"
            raise UsageError(message)
        if holes.kind == "lesion" and not recipe.lesions:
            message = f"{path}: expected lesions, a folder of masks, for holes of the kind lesion; name it"
            raise UsageError(message)
