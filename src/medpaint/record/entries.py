"""The record: what made a product, and the checksum that proves what was left alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["Draft", "EngineFacts", "Identity", "MaskFacts", "Product", "Record", "Repaired", "ScanFacts", "Step"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScanFacts(_Entry):
    """What was read."""

    path: str = Field(description="The scan, relative to the record's folder; empty for an array.")
    sha256: str = Field(description="Hash of the file, or of the series' files in slice order.")
    kind: str = Field(description="nifti, nrrd, metaimage, dicom, or array.")
    shape: tuple[int, int, int] = Field(description="Voxels along I, J, K.")
    spacing_mm: tuple[float, float, float] = Field(description="Voxel size along I, J, K.")
    dtype: str = Field(description="Type of the stored values.")
    facts: dict[str, JsonValue] = Field(default_factory=dict, description="What else its format says.")


class MaskFacts(_Entry):
    """What was repaired, and where that came from."""

    origin: Literal["file", "detected", "array"] = Field(description="A mask file, detection, or an array.")
    path: str = Field("", description="The mask file, relative to the record's folder.")
    sha256: str = Field("", description="Hash of the mask file.")
    grid: str = Field("same grid", description="same grid, reoriented, or resampled.")
    findings: list[dict[str, JsonValue]] = Field(default_factory=list, description="What detection found.")
    voxels: int = Field(description="Masked voxels, after dilation.")


class EngineFacts(_Entry):
    """What filled the mask."""

    name: str
    reason: str = Field(description="Why this engine.")
    device: str = Field("cpu", description="Where it ran.")
    weights_sha256: str = Field("", description="Hash of the file of weights; empty for an engine that has none.")
    options: dict[str, JsonValue] = Field(default_factory=dict, description="The engine's own options.")
    windows: int = Field(description="Crops around the mask that it was given.")


class Step(_Entry):
    """One step of the way: read, mask, inpaint, blend, write."""

    step: str
    seconds: float


class Repaired(_Entry):
    """How much of the product is synthetic."""

    voxels: int
    ml: float
    fraction: float = Field(description="Share of the scan's voxels.")


class Identity(_Entry):
    """Proof that nothing else changed: the same hash in the scan and in the product as it lies on disk."""

    voxels: int = Field(description="Voxels outside the mask.")
    source_sha256: str
    restored_sha256: str


class Product(_Entry):
    """One file or folder that was written."""

    role: Literal["restored", "mask", "segmentation"]
    path: str = Field(pattern=r"^[^./\\][^/\\]*$", description="Its name in the record's folder.")
    sha256: str = Field(description="Hash of the file, or of the series' files in slice order.")


class Draft(_Entry):
    """The record as far as the way has been gone; each step returns a longer one."""

    scan: ScanFacts
    mask: MaskFacts
    parameters: dict[str, JsonValue]
    engine: EngineFacts | None = None
    seam: float | None = None
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()

    def after(self, step: str, seconds: float, **changes: Any) -> Draft:  # noqa: ANN401 - the fields above
        """Return the draft with one more step and with `changes` to its fields."""
        entry = Step(step=step, seconds=round(seconds, 4))
        return self.model_copy(update={**changes, "steps": (*self.steps, entry)})


class Record(_Entry):
    """The JSON beside a product."""

    record_version: Literal[1] = 1
    status: Literal["restored", "nothing to repair", "failed"]
    reason: str = Field("", description="Why it failed; empty otherwise.")
    scan: ScanFacts | None = None
    mask: MaskFacts | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    engine: EngineFacts | None = None
    repaired: Repaired | None = None
    seam: float | None = Field(
        None,
        description="Step across the mask's border as a multiple of the steps in the tissue beside it: about 1 "
        "where it does not show. Empty where there is no border to look at.",
    )
    identity: Identity | None = None
    products: tuple[Product, ...] = ()
    steps: tuple[Step, ...] = ()
    seconds: float = Field(0.0, description="All steps together.")
    warnings: tuple[str, ...] = ()
    software: dict[str, str] = Field(default_factory=dict)
    created: str = Field("", description="UTC, ISO 8601.")

    def to_json(self) -> str:
        """Return the record as text, one key a line."""
        return self.model_dump_json(indent=2) + "\n"
