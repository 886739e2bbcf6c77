"""The keys of config/config.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from medpaint.parameters import ENGINE_NAME, RestoreConfig

__all__ = ["CohortConfig", "EvaluateConfig", "PacsConfig"]


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
