"""What a user can set: for one scan, and for a cohort. The YAML schemas of the workflow come from here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medpaint.core.errors import UsageError

__all__ = [
    "ENGINE_NAME",
    "EXPORT_FIELDS",
    "INGEST_FIELDS",
    "INPAINT_FIELDS",
    "SCAN_ID",
    "Parameters",
    "RestoreConfig",
    "checked",
]

SCAN_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
"""What may name a scan: it becomes part of file names, so no separators and no leading dot or dash."""


ENGINE_NAME = r"^[A-Za-z0-9_.-]*$"
"""What may name an engine: it becomes part of the names of batches."""


class RestoreConfig(BaseModel):
    """What decides how a restored scan looks, the same for every scan of a cohort."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str = Field(
        "auto", pattern=ENGINE_NAME, description="What fills the mask; `medpaint engines` lists them."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of engines that draw random numbers.")
    effort: Literal["fast", "best"] = Field(
        "fast",
        description="Whether time or quality comes first; with the engine auto and those of networks.",
    )
    weights: str = Field(
        "",
        description="File of weights of your own training, for the engine of a network; empty: the shipped ones.",
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where a network runs.")
    membrane: bool = Field(
        default=False,
        description="Close the gap between the fill and the tissue at the border by a smooth field in the hole.",
    )
    edge_mm: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        le=100.0,
        description="Width in mm of the soft edge inside the mask, over which the scan's own values give way "
        "to the filled ones. Only for masks drawn larger than the damage; 0 is a hard edge.",
    )
    labels: tuple[int | str, ...] = Field(
        (),
        description="Labels of the mask to repair, in DICOM segments and regions by number or name; none: its one "
        "value that is not 0.",
    )
    invert_mask: bool = Field(default=False, description="The mask is drawn the other way: 0 = repair.")
    dilate_mm: float = Field(0.0, ge=0.0, le=100.0, description="Grow the mask by so many mm before it is used.")
    resample_mask: bool = Field(
        default=False, description="Bring a mask on another grid onto the scan's by nearest neighbour."
    )
    deidentify: str = Field(
        "",
        description="File with a secret that only its owner can read: DICOM products name nobody (Basic Profile), "
        "and their identifiers follow from it.",
    )
    compress: Literal["none", "rle", "jpeg-ls", "jpeg-2000"] = Field(
        "none",
        description="How the pixels of DICOM products are compressed, always without loss.",
    )
    absent_slices: bool = Field(
        default=False,
        description="Put slices that are absent between others of a DICOM series back, as a gap that is filled.",
    )
    max_fraction: float = Field(
        0.5, gt=0.0, le=1.0, description="Refuse a mask that covers more than this share of the foreground."
    )


class Parameters(RestoreConfig):
    """Everything that decides how one restored scan looks."""

    samples: int = Field(1, ge=1, description="How many different fills are wanted; needs a generative engine.")
    frame: int | None = Field(None, ge=0, description="Which frame of a 4D scan to restore, from 0.")
    series: str | None = Field(None, description="Which series (UID) of a folder that holds several.")


INGEST_FIELDS = (
    "labels",
    "invert_mask",
    "dilate_mm",
    "resample_mask",
    "absent_slices",
    "max_fraction",
    "frame",
    "series",
)
INPAINT_FIELDS = ("engine", "effort", "weights", "device", "seed", "membrane")
EXPORT_FIELDS = ("edge_mm", "compress", "deidentify")


def checked(values: dict[str, Any]) -> Parameters:
    """Return the parameters that `values` name, the others at their defaults.

    Raises:
        UsageError: an unknown name, or a value out of range.
    """
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        message = f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
        raise UsageError(message) from error
