"""The record of a scan that was damaged on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from medpaint.core.errors import UnreadableError
from medpaint.core.text import problem
from medpaint.io.regular import regular_bytes

__all__ = ["DamageProduct", "DamageRecord", "DamageSource", "read_damage_record"]

_MOST_BYTES: Final = 2**24
"""Largest size of a record in bytes; most have some thousand."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DamageSource(_Entry):
    """The clean scan."""

    name: str = Field(description="Name of the file.")
    sha256: str = Field(description="Hash of the file.")
    kind: str = Field(description="nifti, nrrd, or metaimage.")
    shape: tuple[int, int, int] = Field(description="Voxels along I, J, K.")
    spacing_mm: tuple[float, float, float] = Field(description="Voxel size along I, J, K.")
    dtype: str = Field(description="Type of the stored values.")
    frame: int | None = Field(None, description="Frame of a 4D scan, counted from 0.")


class DamageProduct(_Entry):
    """A file beside the record."""

    role: Literal["damaged", "truth"] = Field(description="The damaged scan, or the mask of the damage.")
    path: str = Field(pattern=r"^[^./\\][^/\\]*$", description="Name of the file.")
    sha256: str = Field(description="Its hash.")
    files: tuple[str, ...] = Field((), description="Further files of it, such as the voxels beside a header.")


class DamageRecord(_Entry):
    """What was done to a scan.

    It has no time and no path, so that the same call gives the same bytes.
    """

    version: Literal[1] = Field(1, description="Version of this layout.")
    status: Literal["damaged on purpose"] = Field("damaged on purpose", description="Always this.")
    source: DamageSource = Field(description="The clean scan.")
    damage: dict[str, JsonValue] = Field(
        description="kind, severity, seed, reach, taken_for, background_kept, and what the kind has drawn."
    )
    products: tuple[DamageProduct, ...] = Field(description="The files beside the record.")
    software: dict[str, str] = Field(description="Versions of what can change a result.")

    def to_json(self) -> str:
        """Return the record as it is written."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def read_damage_record(path: Path) -> DamageRecord:
    """Read the record of a damaged scan.

    Raises:
        UnreadableError: there is no such file, or it is not such a record.
    """
    try:
        return DamageRecord.model_validate_json(regular_bytes(path, _MOST_BYTES))
    except OSError as error:
        message = f"{path}: expected a record of damage, but it cannot be read: {error.strerror}"
        raise UnreadableError(message) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = f"{path}: expected a record of damage, got something else ({problem(first)})"
        raise UnreadableError(message) from error
