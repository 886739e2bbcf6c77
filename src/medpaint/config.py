"""What a user can set: for one scan, and for a cohort. The YAML schemas of the workflow come from here."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UsageError

__all__ = [
    "ENGINE_NAME",
    "EXPORT_FIELDS",
    "INGEST_FIELDS",
    "INPAINT_FIELDS",
    "SCAN_ID",
    "CohortConfig",
    "EvaluateConfig",
    "PacsConfig",
    "Parameters",
    "RestoreConfig",
    "ScanRow",
    "checked",
]

SCAN_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
"""What may name a scan: it becomes part of file names, so no separators and no leading dot or dash."""

FETCHED_SERIES = r"^[0-9]+(\.[0-9]+)*(#.*)?$"
"""What names a series that is fetched: its UID, and after a # which of its volumes is meant."""

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


class EvaluateConfig(BaseModel):
    """What the target `evaluate` of a cohort scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[Annotated[str, Field(min_length=1, pattern=ENGINE_NAME)], ...] = Field(
        (), description="Engines to compare; none: all but auto."
    )
    kinds: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Kinds of holes, such as blob:8-15; none: all but lesion."
    )
    holes: int = Field(1, ge=1, description="Holes of each kind in a scan.")


class PacsConfig(BaseModel):
    """The server that scans of a cohort come from, and that `medpaint run store` sends products to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        description="Its address: https://... of a DICOMweb service, dicom://TITLE@HOST:PORT, or dicoms:// for "
        "TLS; empty: none.",
    )
    credentials: str = Field(
        "",
        description="File with user:password or token:..., that only its owner can read; empty: from the "
        "environment.",
    )
    authority: str = Field("", description="File of certificates to trust besides the system's, PEM.")
    calling: str = Field("MEDPAINT", min_length=1, description="Our title; with dicom:// addresses.")
    receive: int | None = Field(
        None,
        ge=1,
        lt=2**16,
        description="Port here that the server is told to send to (C-MOVE); null: it sends over the same "
        "association.",
    )


class CohortConfig(BaseModel):
    """The keys of config/config.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scans: str = Field("config/scans.tsv", min_length=1, description="Table of the scans, one row each.")
    batch_size: int = Field(
        8,
        ge=1,
        le=1000,
        description="How many scans one inpaint job takes: more load an engine's weights less often, fewer redo "
        "less after a change and spread over more nodes.",
    )
    training_data: str = Field(
        "data", min_length=1, description="Folder of the scans that recipes in config/train name."
    )
    restore: RestoreConfig = Field(
        default_factory=RestoreConfig, description="How to restore; a scan's row may name another engine."
    )
    pacs: PacsConfig = Field(default_factory=PacsConfig, description="The server that scans come from.")
    evaluate: EvaluateConfig = Field(
        default_factory=EvaluateConfig, description="What `medpaint run evaluate` scores."
    )


class ScanRow(BaseModel):
    """The columns of config/scans.tsv."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"properties": {"image": {"minLength": 1}, "study": {"maxLength": 0}}, "required": ["image"]},
                {
                    "properties": {
                        "image": {"maxLength": 0},
                        "study": {"minLength": 1},
                        "series": {"pattern": FETCHED_SERIES},
                    },
                    "required": ["study", "series"],
                },
            ]
        },
    )

    scan: Annotated[str, Field(pattern=SCAN_ID, description="Name of the scan in the results; unique.")]
    image: str = Field(
        "", description="The scan: a file, or the folder or archive of a DICOM series; empty: it is on the server."
    )
    study: str = Field(
        "",
        pattern=r"^([0-9]+(\.[0-9]+)*)?$",
        description="UID of its study, for a scan that is fetched from the server.",
    )
    mask: str = Field("", description="The mask; empty: look for missing slices and non-finite voxels.")
    engine: str = Field("", pattern=ENGINE_NAME, description="Engine for this scan; empty: the configured one.")
    series: str = Field(
        "", description="UID of the series, for a folder that holds several, and for a scan that is fetched."
    )
    frame: str = Field("", pattern=r"^\d*$", description="Frame of a 4D scan, from 0.")

    @model_validator(mode="after")
    def _one_place(self) -> ScanRow:
        """Refuse a row that says of no place, or of two, where its scan is."""
        if bool(self.image) == bool(self.study) or (self.study and not re.match(FETCHED_SERIES, self.series)):
            message = "expected an image, or a study and a series to fetch"
            raise ValueError(message)
        return self


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
