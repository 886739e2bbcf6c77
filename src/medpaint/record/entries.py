"""The content of a record: one typed entry for each step, and what follows from all of them."""

from __future__ import annotations

import json
import operator
from itertools import chain
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticSerializationError

from medpaint.core.text import one_line
from medpaint.parameters import FillParameters, MaskParameters, Parameters, WriteParameters
from medpaint.record.version1 import upgraded

__all__ = [
    "BlendEntry",
    "Draft",
    "FindingEntry",
    "Identity",
    "InpaintEntry",
    "MaskEntry",
    "PartEntry",
    "Product",
    "ReadEntry",
    "Record",
    "Repaired",
    "ValidationEntry",
    "WriteEntry",
]

FileName = Annotated[str, Field(pattern=r"^[^./\\][^/\\]*$")]
"""Name of a file next to the record: no path leads elsewhere."""

Line = Annotated[str, AfterValidator(one_line)]
"""A sentence for people: on one line, without control characters, of bounded length."""

_MODALITIES: Final = ("CT", "MR", "PT")
"""Modalities of the images that can be restored, as DICOM names them. Any other word could be a name."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadEntry(_Entry):
    """What was read."""

    path: str = Field(
        description="The scan, relative to the record's folder; empty for an array, and where "
        "the product is de-identified."
    )
    sha256: str = Field(description="Hash of the file, or of the series' files in slice order.")
    kind: str = Field(description="nifti, nrrd, metaimage, dicom, or array.")
    shape: tuple[int, int, int] = Field(description="Voxels along I, J, K.")
    spacing_mm: tuple[float, float, float] = Field(description="Voxel size along I, J, K.")
    dtype: str = Field(description="Type of the stored values.")
    facts: dict[str, JsonValue] = Field(default_factory=dict, description="What else its format says.")
    warnings: tuple[Line, ...] = ()
    seconds: float = 0.0


class FindingEntry(_Entry):
    """Damage of one kind that detection found."""

    kind: str = Field(description="Such as missing slices.")
    voxels: int = Field(description="How many voxels it covers.")
    axis: str = Field("", description="I, J or K for slices.")
    slices: tuple[int, ...] = Field((), description="Damaged slices along that axis, counted from 0.")
    score: float | None = Field(None, description="How certain the detector is, from 0 to 1.")
    why: str = Field("", description="What gave it away.")
    detector: str = Field("", description="Which detector found it; empty in older records.")
    ml: float | None = Field(None, description="Volume that it covers; null in older records.")
    scores: tuple[float, ...] = Field((), description="Score of each slice; empty where all are as certain.")
    repairable: bool = Field(default=True, description="Whether filling can repair it.")
    filled: bool = Field(default=True, description="Whether its voxels are in the mask.")


class MaskEntry(_Entry):
    """What was to be repaired, and where that came from."""

    origin: Literal["file", "detected", "array"] = Field(description="A mask file, detection, or an array.")
    path: str = Field(
        "", description="The mask file, relative to the record's folder; empty where the product is de-identified."
    )
    sha256: str = Field("", description="Hash of the mask file.")
    grid: str = Field("same grid", description="same grid, reoriented, or resampled.")
    findings: tuple[FindingEntry, ...] = Field((), description="What detection found.")
    voxels: int = Field(description="Masked voxels, after dilation.")
    warnings: tuple[Line, ...] = ()
    seconds: float = 0.0


class ValidationEntry(_Entry):
    """How close engines came to known voxels of the scan that were hidden from them."""

    errors: dict[str, float] = Field(description="Root mean square error by engine, in the units of the scan.")
    voxels: int = Field(description="Hidden voxels of tissue.")
    shares: dict[str, float] = Field(description="Share of each engine in the mean of them that comes closest.")
    expected_error: float = Field(
        description="Root mean square error of that mean: an estimate of the error of what `auto` fills."
    )


class _FillEntry(_Entry):
    engine: str = Field(description="The engine that was chosen.")
    reason: str = Field(description="Why this one.")
    validation: ValidationEntry | None = Field(
        None, description="What the scan itself said; null if it was not asked."
    )
    filled_by: dict[str, int] = Field(
        default_factory=dict,
        description="Masked voxels by what really filled them: the engine, or what it left them to.",
    )
    device: str = Field("cpu", description="Where it ran.")
    weights_sha256: str = Field("", description="Hash of the file of weights, where a network filled anything.")
    options: dict[str, JsonValue] = Field(default_factory=dict, description="The engine's own options.")
    windows: int = Field(description="Crops around the mask that it was given.")


class PartEntry(_FillEntry):
    """What filled one part of a mask that was filled part by part."""

    kind: Literal["lost slices", "other holes"] = Field(description="What the part consists of.")
    voxels: int = Field(description="Its masked voxels.")
    disregarded: int = Field(
        0, description="Known voxels of lost slices, around the body, that the engine was not shown."
    )


class InpaintEntry(_FillEntry):
    """What filled the mask. If it was filled part by part, what is said of an engine is about the largest part."""

    parts: tuple[PartEntry, ...] = Field(
        (),
        exclude_if=operator.not_,
        description="The parts in the order of filling, where there are several, or where the air around the body "
        "in lost slices was known; left out otherwise.",
    )
    body_scale: float = Field(
        1.0,
        description="What lengths were multiplied by, so that a small body is as large as a person; 1 for people.",
    )
    body_extent_mm: float | None = Field(
        None,
        description="Size of the body that this follows from; null where the voxels alone rule out a small body.",
    )
    warnings: tuple[Line, ...] = ()
    seconds: float = 0.0

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that were chosen for the parts, each once, that of the largest part first."""
        return tuple(dict.fromkeys((self.engine, *(one.engine for one in self.parts))))

    @property
    def why(self) -> str:
        """Why these engines."""
        if len(self.parts) < 2:
            return self.reason
        return "; ".join(f"{one.kind}: {one.reason}" for one in self.parts)


class BlendEntry(_Entry):
    """How the fill was blended into the scan."""

    seam: float | None = Field(
        None,
        description="Step across the mask's border as a multiple of the steps in the tissue next to it: about 1 "
        "where it does not show. Null where there is no border.",
    )
    warnings: tuple[Line, ...] = ()
    seconds: float = 0.0


class Identity(_Entry):
    """Proof that nothing else changed: the same hash in the scan and in the product as it is on the disk."""

    voxels: int = Field(description="Voxels outside the mask.")
    source_sha256: str
    restored_sha256: str


class Product(_Entry):
    """One file or folder that was written."""

    role: Literal["restored", "mask", "segmentation"]
    path: FileName = Field(description="Its name in the record's folder.")
    sha256: str = Field(description="Hash of the file, or of the series' files in slice order.")
    files: tuple[FileName, ...] = Field((), description="Names of further files that it consists of.")


class WriteEntry(_Entry):
    """What was written, and the proof of its content."""

    identity: Identity
    products: tuple[Product, ...] = Field((), description="Empty for arrays.")
    warnings: tuple[Line, ...] = ()
    seconds: float = 0.0


class Repaired(_Entry):
    """How much of the product is synthetic."""

    voxels: int
    ml: float
    fraction: float = Field(description="Share of the scan's voxels.")


class Draft(_Entry):
    """The record so far. Each step adds its own entry and the parameters that it used, once."""

    read: ReadEntry
    mask: MaskEntry | None = None
    inpaint: InpaintEntry | None = None
    blend: BlendEntry | None = None
    parameters: Parameters

    def masked(self, entry: MaskEntry, parameters: MaskParameters) -> Draft:
        """Return the draft with the entry of the mask."""
        _refuse_second("mask", self.mask)
        own = self.parameters.model_copy(update={"mask": parameters})
        return Draft(read=self.read, mask=entry, parameters=own)

    def inpainted(self, entry: InpaintEntry | None, parameters: FillParameters) -> Draft:
        """Return the draft with the entry of the fill; None where there was nothing to fill."""
        _refuse_second("inpaint", self.inpaint)
        own = self.parameters.model_copy(update={"fill": parameters})
        return Draft(read=self.read, mask=self.mask, inpaint=entry, parameters=own)

    def blended(self, entry: BlendEntry, parameters: WriteParameters) -> Draft:
        """Return the draft with the entry of the blending, and the parameters of blending and writing."""
        _refuse_second("blend", self.blend)
        own = self.parameters.model_copy(update={"write": parameters})
        return Draft(read=self.read, mask=self.mask, inpaint=self.inpaint, blend=entry, parameters=own)

    def withheld(self) -> Draft:
        """Return the draft without what could name a person: paths, some parameters, facts but the modality."""
        facts = self.read.facts
        modality = {"modality": facts["modality"]} if facts.get("modality") in _MODALITIES else {}
        read = self.read.model_copy(update={"path": "", "facts": modality})
        mask = self.mask and self.mask.model_copy(update={"path": ""})
        return self.model_copy(update={"read": read, "mask": mask, "parameters": self.parameters.withheld()})


def _refuse_second(step: str, entry: _Entry | None) -> None:
    """Refuse a second entry of one step."""
    if entry is not None:
        message = f"the record already has an entry of the step {step}"
        raise ValueError(message)


class Record(_Entry):
    """The JSON next to a product. Records of version 1 are read as if they had this shape."""

    record_version: Literal[2] = 2
    status: Literal["restored", "nothing to repair", "failed"]
    reason: Line = Field("", description="Why it failed; empty otherwise.")
    repaired: Repaired | None = None
    parameters: Parameters = Field(default_factory=Parameters)
    read: ReadEntry | None = None
    mask: MaskEntry | None = None
    inpaint: InpaintEntry | None = None
    blend: BlendEntry | None = None
    write: WriteEntry | None = None
    seconds: float = Field(0.0, description="All steps together.")
    software: dict[str, str] = Field(default_factory=dict)
    created: str = Field("", description="UTC, ISO 8601.")

    @model_validator(mode="before")
    @classmethod
    def _of_any_version(cls, content: Any) -> Any:  # noqa: ANN401 - JSON of whoever wrote it
        """Bring a record of version 1 into the shape of this version."""
        try:
            return upgraded(content)
        except (AttributeError, KeyError, TypeError) as error:
            message = f"damaged record of version 1: {type(error).__name__} {error}"
            raise ValueError(message) from error

    @property
    def entries(self) -> tuple[ReadEntry | MaskEntry | InpaintEntry | BlendEntry | WriteEntry, ...]:
        """The entries of the steps that were taken, in order."""
        steps = (self.read, self.mask, self.inpaint, self.blend, self.write)
        return tuple(entry for entry in steps if entry is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed in all steps, a sentence each."""
        return tuple(chain.from_iterable(getattr(entry, "warnings", ()) for entry in self.entries))

    @property
    def products(self) -> tuple[Product, ...]:
        """What was written; empty for arrays and failures."""
        return self.write.products if self.write else ()

    def to_json(self) -> str:
        """Return the record as text, one key a line; what cannot be printed is escaped, as JSON does.

        Bytes of file names that are not UTF-8 are written as Python does, because JSON has no way to say them.
        """
        try:
            text = self.model_dump_json(indent=2)
        except PydanticSerializationError:
            text = json.dumps(_escaped(self.model_dump()), indent=2, ensure_ascii=False)
        return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text) + "\n"


def _escaped(value: Any) -> Any:  # noqa: ANN401 - any part of a record
    """Return a part of a record with lone surrogates written as the bytes that they stand for."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value
