"""Headers of image files, in the same terms for every format that keeps its voxels in one block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import AmbiguousError, GeometryError, MedpaintError, UnsupportedError, UsageError
from medpaint.core.geometry import axis_codes, checked_affine, spacing_of
from medpaint.core.types import Affine
from medpaint.io.inspected import Inspection
from medpaint.io.packing import Packing
from medpaint.io.selection import Selection
from medpaint.io.stored import Stored, check_length, read_errors

__all__ = [
    "TEXTS_REMOVED",
    "Header",
    "chosen_frame",
    "facts_of",
    "frame_name",
    "frame_of",
    "inspection_of",
    "refuse_empty",
    "restorable",
    "shape_of",
    "without_trailing_ones",
]

_SPATIAL_AXES: Final = 3

TEXTS_REMOVED: Final = {"deidentified_by": "leaving out all texts of the header"}
"""Fact about a de-identified product of a format whose header has no place for identifiers but in free text."""


@dataclass(frozen=True, eq=False)
class Header:
    """A readable header, whether or not the image can be restored.

    Attributes:
        path: the file that the user named.
        kind: ``nifti``, ``nrrd`` or ``metaimage``.
        sizes: voxels along every stored axis, fastest first.
        type_name: the format's own name for the type of a voxel.
        dtype: the same with its byte order; None unless a voxel is one real number.
        affine: voxel index to RAS+ millimetres, (4, 4); not yet checked.
        packing: how the voxels are packed.
        packed: number of bytes in the file that may hold voxels, packed.
        offset: number of bytes before the first voxel, once unpacked.
        start: number of bytes of the file before what is packed.
        slope: factor from stored value to intensity.
        intercept: added to that.
        facts: specific to this format.
        warnings: what was noticed, a sentence each.
        is_mask: whether the header says that it is a mask.
        refusal: why it cannot be restored, where the header says that its numbers are not intensities.
        positions: what the file says of the place of its voxels, see `medpaint.io.source.Source.positions`.
    """

    path: Path
    kind: str
    sizes: tuple[int, ...]
    type_name: str
    dtype: np.dtype[Any] | None
    affine: Affine
    packing: Packing
    packed: int
    offset: int
    start: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_mask: bool = False
    refusal: str = ""
    positions: Mapping[str, Affine] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of a frame along I, J, K; a 2D image has K = 1."""
        return shape_of(self.sizes)

    @property
    def frames(self) -> int:
        """Number of volumes in the file."""
        return prod(self.sizes[_SPATIAL_AXES:])


def shape_of(sizes: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the voxels of a frame along I, J, K; a 2D image has K = 1."""
    i, j, k = (*sizes, 1, 1, 1)[:_SPATIAL_AXES]
    return i, j, k


def without_trailing_ones(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return `sizes` without axes of one voxel after the third."""
    kept = len(sizes)
    while kept > _SPATIAL_AXES and sizes[kept - 1] == 1:
        kept -= 1
    return sizes[:kept]


def refuse_empty(sizes: tuple[int, ...], path: Path) -> None:
    """Refuse an image with a single axis or with an empty one.

    Raises:
        GeometryError: such an image.
    """
    if len(sizes) < _SPATIAL_AXES - 1 or min(sizes) < 1:
        message = f"{path}: expected two or more axes, none of them of length 0, got {'x'.join(map(str, sizes))}"
        raise GeometryError(message)


def restorable(header: Header) -> tuple[Stored, Encoding]:
    """Return where the voxels are and how they encode intensities; refuse an image that cannot be restored.

    Raises:
        UnsupportedError: colour, complex numbers, vectors.
        GeometryError: an empty axis, or axes that span no volume.
    """
    if header.refusal:
        message = f"{header.path}: {header.refusal}"
        raise UnsupportedError(message)
    if header.dtype is None:
        message = f"{header.path}: expected one real number per voxel, got {header.type_name}"
        raise UnsupportedError(message)
    refuse_empty(header.sizes, header.path)
    try:
        checked_affine(header.affine)
    except GeometryError as error:
        message = f"{header.path}: {error}"
        raise GeometryError(message) from error
    stored = Stored(header.packing, header.offset, header.dtype, header.shape, header.frames, header.start)
    return stored, Encoding.of(header.dtype, slope=header.slope, intercept=header.intercept)


def frame_of(selection: Selection, path: Path) -> int | None:
    """Return the frame that is selected in a file, or None.

    Raises:
        UsageError: a series is selected, which only DICOM has.
    """
    if selection.series is not None:
        message = f"{path} is not DICOM: expected no series, got {selection.series}"
        raise UsageError(message)
    return selection.frame


def frame_name(sha256: str, frame: int | None) -> str:
    """Return what distinguishes a volume from all others: the hash of its file and the frame, if selected."""
    return sha256 if frame is None else f"{sha256} frame {frame}"


def chosen_frame(header: Header, frame: int | None) -> int:
    """Return the frame to read.

    Args:
        header: of the file.
        frame: the selected frame, from 0; None without a selection.

    Raises:
        AmbiguousError: several frames, and no selection.
        UsageError: no such frame, or a single volume.
    """
    last = header.frames - 1
    if frame is None:
        if last == 0:
            return 0
        message = f"{header.path} has {header.frames} frames: choose one with --frame 0..{last}"
        raise AmbiguousError(message)
    if last == 0:
        message = f"{header.path} has one volume: expected no frame, got {frame}"
        raise UsageError(message)
    if not 0 <= frame <= last:
        message = f"{header.path} has frames 0..{last}, got {frame}"
        raise UsageError(message)
    return frame


def facts_of(header: Header, frame: int | None = None) -> dict[str, str | int | float]:
    """Return facts about the scan for people.

    Args:
        header: of an image that can be restored.
        frame: which of several frames was read; None for a single volume.
    """
    facts: dict[str, str | int | float] = {
        "shape": "x".join(map(str, header.sizes)),
        "dtype": header.type_name if header.dtype is None else header.dtype.name,
        "axes": axis_codes(header.affine),
        "frames": header.frames,
    }
    if frame is not None:
        facts["frame"] = frame
    return facts | _own_facts(header)


def inspection_of(header: Header) -> Inspection:
    """Return what the header says as an inspection; a refusal becomes its reason."""
    reason, axes = "", ""
    spacing: tuple[float, ...] = ()
    try:
        stored, _ = restorable(header)
        axes, spacing = axis_codes(header.affine), spacing_of(header.affine)
        chosen_frame(header, None)
        with read_errors(header.path):
            check_length(stored.total_bytes, header.packed, header.packing)
    except MedpaintError as error:
        reason = str(error)
    return Inspection(
        path=header.path,
        kind=header.kind,
        name=header.path.name,
        shape=header.sizes,
        spacing_mm=spacing,
        dtype=header.type_name if header.dtype is None else header.dtype.name,
        axes=axes,
        restorable=not reason,
        reason=reason,
        facts={"frames": header.frames} | _own_facts(header),
        warnings=header.warnings,
        is_mask=header.is_mask,
    )


def _own_facts(header: Header) -> dict[str, str | int | float]:
    """Return the scaling, if any, and the facts that are specific to the format."""
    scaling: dict[str, str | int | float] = {}
    if (header.slope, header.intercept) != (1.0, 0.0):
        scaling = {"slope": header.slope, "intercept": header.intercept}
    return scaling | dict(header.facts)
