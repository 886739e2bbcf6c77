"""What decides a training: data, holes, network, loop. One YAML file, every key described."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.corrupt import KINDS
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName

__all__ = ["Holes", "Loop", "NetworkShape", "Pairs", "Recipe", "Source", "read_recipe"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """Scans of one kind."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", description="What to call them; part of their persons' names."
    )
    images: tuple[str, ...] = Field(min_length=1, description="Patterns of files below the data folder.")
    weight: float = Field(gt=0.0, description="How often a scan of this source is drawn, relative to the others.")
    person: Literal["file", "folder", "parent"] = Field(
        "file",
        description="Where a scan's person is named: its file (the entity sub-, or all of the name), its folder, "
        "or the folder above.",
    )
    avoid: str = Field(
        "",
        description="Mask of what is not healthy, below the data folder; {folder} stands for the folder that a "
        "scan lies in.",
    )
    label_maps: bool = Field(
        default=False, description="They are label maps: scans of random contrast are synthesised from them."
    )
    classes: tuple[str, str] | None = Field(
        None,
        description="With label maps, two .npy files below the data folder: the labels, and the class of each; "
        "labels of one class get one intensity. By default each label is a class.",
    )


class Holes(_Part):
    """Holes of one kind."""

    kind: str = Field(description="A kind of damage, as `medpaint evaluate` names them.")
    sizes: tuple[float, float] = Field(description="Smallest and largest size, in the kind's unit.")
    count: tuple[int, int] = Field((1, 1), description="Fewest and most of them in a scan.")
    weight: float = Field(gt=0.0, description="How often this kind is drawn, relative to the others.")


class Pairs(_Part):
    """How scans become pairs of input and truth."""

    cases: int = Field(ge=1, description="Damaged scans that are made for training.")
    validation_cases: int = Field(ge=1, description="Damaged scans of the validation's persons.")
    patches: int = Field(ge=1, description="Patches that are cut out of each.")
    size: int = Field(ge=16, description="Edge of a patch in voxels.")
    pace: Pace | None = Field(
        "brisk", description="How thoroughly the first fill looks for exemplars; null leaves it smooth."
    )


class NetworkShape(_Part):
    """The network."""

    kind: NetworkName = Field(description="unet3d, unet2d or resnet2d.")
    channels: tuple[int, ...] = Field(
        min_length=2, description="Features at each level of a U-Net; of resnet2d, after each residual unit."
    )
    units: int = Field(2, ge=1, description="Convolutions in each residual unit.")


class Loop(_Part):
    """The loop."""

    steps: int | None = Field(None, ge=1, description="Steps after which the training ends.")
    minutes: float | None = Field(None, gt=0.0, description="Minutes after which it ends.")
    batch: int = Field(ge=1, description="Patches in a step.")
    crop: int | None = Field(
        None, ge=16, description="Edge in voxels of what a step sees of a patch, around its hole; null: all of it."
    )
    rate: float = Field(1e-3, gt=0.0, description="Highest learning rate; a cosine takes it to a hundredth.")
    warmup: float = Field(0.02, ge=0.0, lt=1.0, description="Share of the training in which the rate rises.")
    decay: float = Field(1e-2, ge=0.0, description="Weight decay.")
    clip: float = Field(1.0, gt=0.0, description="Largest norm of the gradient.")
    ema: float = Field(0.999, ge=0.0, lt=1.0, description="How much of the averaged weights each step keeps.")
    precision: Literal["32-true", "bf16-mixed"] = Field("bf16-mixed", description="As Lightning Fabric names it.")
    validate_every: int = Field(500, ge=1, description="Steps from one validation and checkpoint to the next.")


class Recipe(_Part):
    """A training."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="What to call the weights.")
    seed: int = Field(0, ge=0, description="Decides pairs, order and first weights.")
    sources: tuple[Source, ...] = Field((), description="Clean scans; none: synthetic heads.")
    lesions: str = Field("", description="Folder of lesion masks below the data folder, for the kind lesion.")
    validation: tuple[str, ...] = Field((), description="Persons to validate on, as SOURCE/PERSON.")
    held_out: tuple[str, ...] = Field((), description="Persons that are never looked at, as SOURCE/PERSON.")
    holes: tuple[Holes, ...] = Field(min_length=1, description="What holes are made.")
    pairs: Pairs
    network: NetworkShape
    loop: Loop

    @property
    def sha256(self) -> str:
        """Hash of everything the recipe says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        UnreadableError: there is no such file, or it is no YAML.
        UsageError: it says something that a recipe does not.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {getattr(error, 'strerror', None) or 'not a text file in UTF-8'}"
        raise UnreadableError(message) from error
    except yaml.YAMLError as error:
        message = f"{path}: expected YAML, got {str(error).splitlines()[0]}"
        raise UnreadableError(message) from error
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'][0].lower()}{first['msg'][1:]}"
        raise UsageError(message) from error
    _check_kinds(recipe, path)
    kind = recipe.network.kind
    if NETWORKS[kind].for_lost_slices and recipe.pairs.pace is not None:
        message = f"{path}: expected pairs.pace null, for {kind} starts from the smooth fill"
        raise UsageError(message)
    if (recipe.loop.steps is None) == (recipe.loop.minutes is None):
        message = f"{path}: expected loop.steps or loop.minutes, and not both"
        raise UsageError(message)
    return recipe


def _check_kinds(recipe: Recipe, path: Path) -> None:
    """Refuse holes of a kind that there is not, or lesions without their shapes."""
    for holes in recipe.holes:
        known = [*KINDS, "lesion"]
        if holes.kind not in known:
            message = f"{path}: expected holes of a kind out of {', '.join(known)}, got {holes.kind!r}"
            raise UsageError(message)
        if holes.kind == "lesion" and not recipe.lesions:
            message = f"{path}: holes of the kind lesion need lesions, a folder of masks"
            raise UsageError(message)
