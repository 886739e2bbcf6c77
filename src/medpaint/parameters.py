"""What a user can set for one scan, grouped by the step that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from medpaint.core.errors import UsageError
from medpaint.core.text import problem, short_repr
from medpaint.io.selection import Selection

__all__ = [
    "ENGINE_NAME",
    "FIELDS",
    "DetectorName",
    "Effort",
    "FillParameters",
    "MaskParameters",
    "Parameters",
    "WriteParameters",
    "as_keywords",
]

ENGINE_NAME: Final = r"^[A-Za-z0-9_.-]*$"
"""What an engine's name may consist of: it becomes part of the names of batches."""


DetectorName = Literal[
    "missing",
    "nonfinite",
    "block",
    "metal",
    "stripe",
    "dropout",
    "spike",
    "zipper",
    "noise",
    "saturation",
]
"""Rows of the table of detectors."""


class MaskParameters(BaseModel):
    """How the mask is read, or damage is found, and how it is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[int | str, ...] = Field(
        (),
        description="Labels of the mask to repair, in DICOM segments and regions by number or name; none: its "
        "only value that is not 0.",
    )
    invert_mask: bool = Field(default=False, description="The mask is drawn the other way: 0 = repair.")
    dilate_mm: float = Field(0.0, ge=0.0, le=100.0, description="Grow the mask by this many mm before it is used.")
    resample_mask: bool = Field(
        default=False, description="Bring a mask on another grid onto the scan's by nearest neighbour."
    )
    max_fraction: float = Field(
        0.5, gt=0.0, le=1.0, description="Refuse a mask that covers more than this share of the foreground."
    )
    sensitivity: Literal["low", "normal", "high"] = Field(
        "normal", description="How readily detection reports damage: high finds more, with more false alarms."
    )
    repair: tuple[DetectorName, ...] = Field(
        ("missing", "nonfinite", "block"),
        min_length=1,
        description="Detectors whose findings are filled; what others find is reported only. `medpaint detect` "
        "lists them.",
    )


Effort = Literal["fast", "best"]
"""Whether speed or quality comes first."""


class FillParameters(BaseModel):
    """What fills the mask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = Field(
        "auto",
        min_length=1,
        pattern=ENGINE_NAME,
        description="What fills the mask; `medpaint engines` lists them.",
    )
    effort: Effort = Field(
        "fast", description="Whether speed or quality comes first, for auto and the engines with networks."
    )
    weights: str = Field(
        "", description="Weights that you trained, for an engine with a network; empty: the shipped ones."
    )
    network: str = Field("", description="Description of your own network, a YAML file, for the engine monai.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where a network runs.")
    seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of engines that draw random numbers, and of what auto hides."
    )
    membrane: bool = Field(
        default=False,
        description="Close the gap between fill and tissue at the border by a smooth field inside the hole.",
    )


class WriteParameters(BaseModel):
    """How the fill is blended in, and how products are written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edge_mm: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        le=100.0,
        description="Width in mm of the soft edge inside the mask, over which the scan's own values give way "
        "to the filled ones. Only for masks drawn larger than the damage; 0 is a hard edge.",
    )
    compress: Literal["none", "rle", "jpeg-ls", "jpeg-2000"] = Field(
        "none", description="How the pixels of DICOM products are compressed, always without loss."
    )
    deidentify: str = Field(
        "",
        description="File with a secret that only its owner can read: DICOM products are de-identified (Basic "
        "Profile), with identifiers that derive from the secret; other formats lose the texts of their headers.",
    )


class Parameters(BaseModel):
    """Everything that decides how one restored scan looks, nested by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: Selection = Field(default_factory=Selection)
    mask: MaskParameters = Field(default_factory=MaskParameters)
    fill: FillParameters = Field(default_factory=FillParameters)
    write: WriteParameters = Field(default_factory=WriteParameters)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Parameters:
        """Return the parameters that flat `options` name, such as ``engine``; others are at their default.

        Raises:
            UsageError: an unknown name, or a value out of range.
        """
        unknown = [name for name in options if name not in FIELDS]
        if unknown:
            message = f"{unknown[0]}: unknown parameter, expected one of {', '.join(FIELDS)}"
            raise UsageError(message)
        nested = {
            step: {name: options[name] for name in model.model_fields if name in options}
            for step, model in _STEPS.items()
        }
        try:
            return cls.model_validate(nested)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = f"{problem(first, skip=1)}, got {short_repr(first['input'])}"
            raise UsageError(message) from error

    def withheld(self) -> Parameters:
        """Return the parameters without the identifier of the series, and without labels that are names."""
        labels = () if any(isinstance(one, str) for one in self.mask.labels) else self.mask.labels
        own = {"read": self.read.without_uid(), "mask": self.mask.model_copy(update={"labels": labels})}
        return self.model_copy(update=own)

    def replaced(self, options: Mapping[str, Any]) -> Parameters:
        """Return the parameters with flat `options` in place of their values.

        Raises:
            UsageError: an unknown name, or a value out of range.
        """
        return Parameters.of({**self.flat(), **options})

    def flat(self) -> dict[str, Any]:
        """Return the parameters by name, without the steps."""
        return {name: value for step in _STEPS for name, value in getattr(self, step).model_dump().items()}


_STEPS: Final[dict[str, type[BaseModel]]] = {
    "read": Selection,
    "mask": MaskParameters,
    "fill": FillParameters,
    "write": WriteParameters,
}

FIELDS: Final[dict[str, FieldInfo]] = {
    name: field for model in _STEPS.values() for name, field in model.model_fields.items()
}
"""Every parameter by its name, which is also its flag and its key in a configuration."""

_FLAG: Final = re.compile(r"--([a-z]+(?:-[a-z]+)*)(?: (\d[\d.]*))?")

_SWITCHES: Final = {"overwrite", *(name for name, field in FIELDS.items() if field.annotation is bool)}


def as_keywords(message: str) -> str:
    """Return a message about flags of the command line as one about keywords of Python."""

    def keyword(flag: re.Match[str]) -> str:
        name, value = flag[1].replace("-", "_"), flag[2]
        if name in _SWITCHES:
            return f"{name}=True"
        return f"{name}={value or '...'}" if name in {*FIELDS, "output", "name"} else flag[0]

    return _FLAG.sub(keyword, message)
