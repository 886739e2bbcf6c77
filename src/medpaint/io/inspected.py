"""What inspecting a file or folder finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Inspection", "Pixels"]


@dataclass(frozen=True)
class Pixels:
    """What the voxels of an image are, once they were read.

    Attributes:
        lowest: smallest intensity, of voxels that are finite and no padding; None without any.
        highest: the largest, likewise.
        non_finite: number of voxels that are NaN or infinite.
        padding: number of voxels that are padding.
    """

    lowest: float | None
    highest: float | None
    non_finite: int
    padding: int


@dataclass(frozen=True)
class Inspection:
    """One image file or one DICOM series, and whether it can be restored.

    Attributes:
        path: the file, or the folder of the series.
        kind: ``nifti``, ``nrrd``, ``metaimage`` or ``dicom``.
        name: the file's name, or the series instance UID as far as it may be shown.
        shape: voxels along each stored axis; empty where unknown.
        spacing_mm: voxel size along each spatial axis, in millimetres; empty where unknown.
        dtype: type of the stored values, such as ``int16``; empty where unknown.
        modality: as DICOM names it, such as ``MR``; empty where the format does not say.
        axes: direction that each voxel axis points to, such as ``RAS``; empty where unknown.
        restorable: whether it can be read as one volume.
        reason: why not; empty where it can.
        series: what selects the DICOM series or one of its volumes; empty for other formats. Not to be shown,
            unlike the name: what stands in the place of its UID could name a person.
        facts: further details. No patient data.
        warnings: what the header says that users should know, a sentence each.
        is_mask: whether it is a mask, and not a scan, by its header or its name.
        pixels: what its voxels are; None where only the header was read, or they cannot be.
    """

    path: Path
    kind: str
    name: str
    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    dtype: str = ""
    modality: str = ""
    axes: str = ""
    restorable: bool = True
    reason: str = ""
    series: str = field(default="", repr=False)
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_mask: bool = False
    pixels: Pixels | None = None
