"""The keys of config/config.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medpaint.core.errors import UsageError
from medpaint.core.text import escaped, problem, short_repr
from medpaint.parameters import ENGINE_NAME, FIELDS, FillParameters, MaskParameters, WriteParameters

__all__ = ["CohortConfig", "CorruptConfig", "EvaluateConfig", "PacsConfig", "RestoreConfig", "read_config"]


_MOST_PARTS: Final = 1_000_000
"""Largest number of tokens of a configuration; aliases in YAML can stand for more than any memory holds."""


class RestoreConfig(WriteParameters, MaskParameters, FillParameters):
    """How to restore the scans of a cohort, unless a scan's row says otherwise.

    These are all parameters except `frame` and `series`, which only a scan's row may give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    absent_slices: bool = Field(default=False, description=FIELDS["absent_slices"].description)


class EvaluateConfig(BaseModel):
    """What the target `evaluate` of a cohort scores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[Annotated[str, Field(min_length=1, pattern=ENGINE_NAME)], ...] = Field(
        (), description="Engines to compare; empty: all but auto."
    )
    kinds: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Kinds of holes, such as blob:8-15; empty: all but lesion."
    )
    holes: int = Field(1, ge=1, description="Number of holes of each kind in a scan.")


class CorruptConfig(BaseModel):
    """What the target `corrupt` of a cohort makes of its clean scans."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Kinds of damage, such as dropout; empty: all."
    )
    severities: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] = Field(
        (0.25, 0.5, 1.0), min_length=1, description="Severities of each kind, from 0, barely visible, to 1, gross."
    )
    copies: int = Field(1, ge=1, description="Number of damaged copies of each kind and severity.")
    seed: int = Field(0, ge=0, description="Decides all damage, and who is in which part.")
    validation: float = Field(0.2, ge=0.0, lt=1.0, description="Share of the persons for validation.")
    test: float = Field(0.2, ge=0.0, lt=1.0, description="Share of the persons for the test.")

    @model_validator(mode="after")
    def _check_shares(self) -> CorruptConfig:
        """Refuse shares that leave nothing for training."""
        if self.validation + self.test >= 1.0:
            message = (
                "expected shares for validation and test that leave something for training, "
                f"got {self.validation:g} and {self.test:g}"
            )
            raise ValueError(message)
        return self


class PacsConfig(BaseModel):
    """The server that scans of a cohort come from, and that `medpaint run store` sends products to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        "",
        description="Its address: https://... of a DICOMweb service, dicom://TITLE@HOST:PORT, or dicoms:// for "
        "TLS; empty: no server.",
    )
    credentials: str = Field(
        "",
        description="File with user:password or token:..., readable only by its owner; empty: from the "
        "environment.",
    )
    authority: str = Field(
        "", description="PEM file of certificates to trust in addition to the system's; empty: the system's only."
    )
    calling: str = Field(
        "MEDPAINT", min_length=1, description="Our application entity title, for dicom:// addresses."
    )
    receive: int | None = Field(
        None,
        ge=1,
        lt=2**16,
        description="Local port that the server is asked to send to (C-MOVE); null: it sends over the same "
        "association (C-GET).",
    )
    senders: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="With receive: hosts, addresses and networks such as 172.17.0.0/16 that the server may send "
        "from, besides its own addresses.",
    )


class CohortConfig(BaseModel):
    """The keys of config/config.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scans: str = Field("config/scans.tsv", min_length=1, description="Table of the scans, one row each.")
    batch_size: int = Field(
        8,
        ge=1,
        le=1000,
        description="Number of scans in one inpaint job: larger batches load an engine's weights less often, "
        "smaller ones redo less after a change and spread over more nodes.",
    )
    ingest_timeout_s: float | None = Field(
        3600.0,
        gt=0.0,
        allow_inf_nan=False,
        description="Seconds after which reading a scan is given up and the scan has failed; null: no limit.",
    )
    training_data: str = Field(
        "data", min_length=1, description="Folder that the paths in the recipes of config/train start from."
    )
    restore: RestoreConfig = Field(
        default_factory=RestoreConfig, description="How to restore; a scan's row may give other values."
    )
    pacs: PacsConfig = Field(default_factory=PacsConfig, description="The server that scans come from.")
    evaluate: EvaluateConfig = Field(
        default_factory=EvaluateConfig, description="What `medpaint run evaluate` scores."
    )
    corrupt: CorruptConfig = Field(
        default_factory=CorruptConfig, description="What `medpaint run corrupt` makes of clean scans."
    )


def read_config(values: Mapping[str, Any]) -> CohortConfig:
    """Return the configuration that the keys of a YAML file give.

    Types are checked as strictly as JSON allows: ``seed: "3"`` is refused, a list stands for a tuple.

    Raises:
        UsageError: an unknown key, or a value of the wrong type or out of range.
    """
    try:
        return CohortConfig.model_validate_json(_as_json(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = f"the configuration, {problem(first)}, got {short_repr(first['input'])}"
        raise UsageError(message) from error
    except (ValueError, TypeError, RecursionError) as error:
        message = f"the configuration: expected plain values, got what JSON cannot hold: {escaped(str(error))}"
        raise UsageError(message) from error


def _as_json(values: Mapping[str, Any]) -> str:
    """Return the keys of a YAML file as JSON.

    Raises:
        ValueError: values that contain themselves.
        UsageError: aliases that stand for more than any configuration has.
    """
    parts = json.JSONEncoder(default=str).iterencode(values)
    text = "".join(islice(parts, _MOST_PARTS))
    if next(parts, None) is not None:
        message = "the configuration: expected far fewer values; are there aliases (*name) of aliases?"
        raise UsageError(message)
    return text
