"""Assessment of the headers of a series: whether they describe one volume that can be restored, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from pydicom.uid import JPEGExtended12Bit

from medpaint.core.errors import GeometryError, InputError, UnreadableError, UnsupportedError
from medpaint.core.types import Affine
from medpaint.io.dicom.classes import PET_CLASSES, SINGLE_FRAME, class_name, refusal_of
from medpaint.io.dicom.gaps import contradiction
from medpaint.io.dicom.headers import Header, agreed
from medpaint.io.dicom.pixels import is_supported
from medpaint.io.dicom.shown import shown_uid
from medpaint.io.dicom.stack import orientation_is_valid, orientation_reasons, stack_of

__all__ = ["Assessment", "assess", "with_gaps"]

SPACING_TOLERANCE: Final = 1e-4
"""Largest relative difference of the pixel spacing within a series: over 512 columns a twentieth of a voxel."""

_GREY: Final = {"MONOCHROME1", "MONOCHROME2"}

_NAMED: Final = 3
"""How many faulty files a message names."""

STEP_TOLERANCE: Final = 0.05
"""Relative difference between SpacingBetweenSlices and the positions above which there is a warning."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What the headers of a series say about it.

    Attributes:
        headers: in slice order where the slices form a stack, otherwise in the order of the files.
        affine: voxel (column, row, slice) to RAS+ mm, (4, 4); None where the slices form no stack.
        unsupported: why images of this kind cannot be restored.
        geometry: why the images do not form a volume.
        faults: why pixel data cannot be read, and in which file.
        warnings: problems that do not prevent that.
        slots: index of each slice on the grid, if there is one; absent slices leave gaps.
        absent: which slices are absent; empty if none. Also a reason, unless they are put back.
    """

    headers: tuple[Header, ...]
    affine: Affine | None
    unsupported: tuple[str, ...] = ()
    geometry: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    slots: tuple[int, ...] = ()
    absent: str = ""

    @property
    def reason(self) -> str:
        """All reasons against restoring the series; empty if none."""
        return "; ".join(self.unsupported + self.faults + self.geometry)

    def usable_affine(self) -> Affine:
        """Return the affine of a series that can be restored.

        Raises:
            UnsupportedError: images of another kind.
            UnreadableError: pixel data that is not what the headers describe.
            GeometryError: the images do not form a volume.
        """
        if self.affine is not None and not self.reason:
            return self.affine
        first = self.headers[0]
        series = shown_uid(first.series_uid)
        where = f"{first.path}" if len(self.headers) == 1 else f"{len(self.headers)} files such as {first.path}"
        message = f"expected one CT, MR or PET volume in series {series}, got: {self.reason} ({where})"
        error: type[InputError] = GeometryError if self.geometry else UnreadableError
        raise (UnsupportedError if self.unsupported else error)(message)


def assess(headers: Sequence[Header]) -> Assessment:
    """Assess a series by its headers; positions only where the images are of the right kind."""
    unsupported = _unsupported_reasons(headers)
    geometry = _mixed_reasons(headers)
    if unsupported:
        return Assessment(tuple(headers), None, tuple(unsupported), tuple(geometry))
    geometry += _unplaced_reasons(headers)
    faults = _faults(headers)
    if geometry or faults:
        return Assessment(tuple(headers), None, (), tuple(geometry), faults)
    return _stacked(headers)


def _stacked(headers: Sequence[Header]) -> Assessment:
    """Assess the positions of slices of one kind, size and orientation."""
    first = headers[0]
    if first.orientation is None or first.pixel_spacing is None:
        message = "slices without a position cannot be stacked"
        raise ValueError(message)
    positions = np.array([header.position for header in headers], dtype=np.float64)
    stack = stack_of(positions, first.orientation, first.pixel_spacing, first.depth_mm or 1.0)
    ordered = [headers[index] for index in stack.order]
    uneven = contradiction(ordered, stack.slots, stack.step_mm) if len(ordered) == len(stack.slots) else ""
    absent = "" if uneven else stack.absent
    reasons = _copied_reasons(headers) + list(stack.reasons) + [one for one in (uneven, absent) if one]
    if len(headers) == 1 and first.depth_mm is None:
        reasons.append("one slice, with neither SpacingBetweenSlices nor SliceThickness")
    notes = () if reasons else tuple(_spacing_warnings(ordered, stack.step_mm))
    return Assessment(
        agreed(ordered), stack.affine, (), tuple(reasons), warnings=notes, slots=stack.slots, absent=absent
    )


def with_gaps(assessment: Assessment) -> Assessment:
    """Return the assessment without absent slices as a reason, if they are the only one.

    Raises:
        UnsupportedError: the slices are frames or tiles of larger images, to which none can be added.
        GeometryError: more slices are absent than are there.
    """
    if not assessment.absent or assessment.geometry != (assessment.absent,):
        return assessment
    if any(header.frames > 1 or header.tiled for header in assessment.headers):
        message = f"expected single-frame images to put slices between, got others: {assessment.headers[0].path}"
        raise UnsupportedError(message)
    count = assessment.slots[-1] + 1 - len(assessment.slots)
    if count > len(assessment.slots):
        message = f"expected fewer absent slices than there are, got {count}: {assessment.headers[0].path}"
        raise GeometryError(message)
    warnings = (*assessment.warnings, f"put back as a gap to be filled: {assessment.absent}")
    return replace(assessment, geometry=(), warnings=warnings)


def _unsupported_reasons(headers: Sequence[Header]) -> list[str]:
    """Return the reasons why the images are of another kind, each once."""
    found: Counter[str] = Counter()
    for header in headers:
        found.update(_kind_reasons(header))
    return [
        reason if count == len(headers) else f"{reason} ({count} of {len(headers)} files)"
        for reason, count in found.items()
    ]


def _faults(headers: Sequence[Header]) -> tuple[str, ...]:
    """Return what is wrong with the pixel data of which files."""
    faults = {one.path.name: one.fault or "no pixel data" for one in headers if one.fault or not one.has_pixels}
    named = [f"{name}: {fault}" for name, fault in list(faults.items())[:_NAMED]]
    return tuple(named + ([f"and {len(faults) - _NAMED} more files"] if len(faults) > _NAMED else []))


def _kind_reasons(header: Header) -> list[str]:
    """Return the reasons why one image is of another kind."""
    is_image = header.rows > 0 and header.columns > 0
    is_grey = header.samples == 1 and header.photometric in _GREY
    if refusal := refusal_of(header.sop_class, is_image=is_image, is_grey=is_grey):
        return [refusal]
    allocated, stored, high, sign = header.bits
    checks = {
        f"{header.frames} frames in a file of a single-frame class (multi-frame)": header.frames != 1
        and header.sop_class in SINGLE_FRAME,
        header.fault: header.tiled and header.position is None,
        f"transfer syntax not supported: {shown_uid(header.transfer_syntax)}": not is_supported(
            header.transfer_syntax
        ),
        f"{stored} bits of lossy JPEG, which no decoder here supports": header.transfer_syntax == JPEGExtended12Bit
        and stored != 8,
        f"{header.samples} samples per pixel (colour)": header.samples != 1,
        f"photometric interpretation {header.photometric or 'not stated'}": header.photometric not in _GREY,
        f"{stored} bits stored in {allocated}, high bit {high}": allocated not in {8, 16, 32}
        or not 0 < stored <= allocated
        or high != stored - 1
        or sign not in {0, 1},
        "a modality lookup table instead of a rescale slope": header.has_lookup_table,
        "a rescale slope of 0": header.scaling.slope == 0,
        "PET without RescaleSlope, so that values of different slices cannot be compared": header.sop_class
        in PET_CLASSES
        and not header.scaling.has_slope,
        "no SOPInstanceUID, without which nothing can be derived from it": not header.sop_uid,
    }
    return [reason for reason, holds in checks.items() if holds]


def _mixed_reasons(headers: Sequence[Header]) -> list[str]:
    """Return what differs between images that should be slices of one volume."""
    aspects: dict[str, Callable[[Header], Hashable]] = {
        "sizes": lambda header: f"{header.rows}x{header.columns}",
        "bits": lambda header: (
            f"{header.bits[1]} in {header.bits[0]}, {'signed' if header.bits[3] else 'unsigned'}"
        ),
        "photometric interpretations": lambda header: header.photometric,
        "SOP classes": lambda header: class_name(header.sop_class),
        "units": _pet_units,
        "frames of reference": lambda header: shown_uid(header.frame_of_reference) or "none",
    }
    reasons = []
    for name, aspect in aspects.items():
        found = Counter(aspect(header) for header in headers)
        if len(found) > 1:
            reasons.append(
                f"mixed {name}: {', '.join(f'{count} of {value}' for value, count in found.most_common(3))}"
            )
    return reasons + _mixed_spacing(headers)


def _pet_units(header: Header) -> str:
    """Return the units of a PET image and by what its values have them; the same for all images of other kinds."""
    if header.sop_class not in PET_CLASSES:
        return ""
    units = header.facts.get("pet_units") or header.scaling.unit or "unknown units"
    return f"{units} by real-world values" if header.scaling.has_real_world else units


def _mixed_spacing(headers: Sequence[Header]) -> list[str]:
    """Return a reason where the pixel spacing differs between slices."""
    spacings = np.array([header.pixel_spacing for header in headers if header.pixel_spacing is not None])
    if spacings.size == 0 or np.ptp(spacings, axis=0).max() <= SPACING_TOLERANCE * spacings.min():
        return []
    low, high = spacings.min(axis=0), spacings.max(axis=0)
    return [f"mixed pixel spacings: from {low[0]:.4f}x{low[1]:.4f} to {high[0]:.4f}x{high[1]:.4f} mm"]


def _unplaced_reasons(headers: Sequence[Header]) -> list[str]:
    """Return reasons where images have no position, or several orientations."""
    positions = [header.position for header in headers]
    spacings = [header.pixel_spacing for header in headers]
    orientations = [header.orientation for header in headers]
    known = [cosines for cosines in orientations if cosines is not None and orientation_is_valid(cosines)]
    counts = {
        "ImagePositionPatient": sum(position is not None for position in positions),
        "ImageOrientationPatient": len(known),
        "PixelSpacing": sum(spacing is not None and min(spacing) > 0 for spacing in spacings),
    }
    reasons = [
        f"{len(headers) - count} of {len(headers)} files without a valid {keyword}"
        for keyword, count in counts.items()
        if count < len(headers)
    ]
    return reasons + orientation_reasons(known)


def _copied_reasons(headers: Sequence[Header]) -> list[str]:
    """Return a reason where several files hold the same instance."""
    copies = len(headers) - len({(header.sop_uid, header.index) for header in headers})
    return [f"{copies} files repeat the SOPInstanceUID of another file"] if copies else []


def _spacing_warnings(headers: Sequence[Header], step_mm: float) -> list[str]:
    """Return warnings about the spacing along the normal, where the positions do not confirm it."""
    stated = headers[0].spacing_between
    if len(headers) == 1:
        origin = "SliceThickness" if stated is None else "SpacingBetweenSlices"
        return [f"one slice: its depth of {step_mm:.2f} mm is {origin}"]
    notes = ["two slices: the spacing cannot be checked"] if len(headers) == 2 else []
    if stated is not None and abs(stated - step_mm) > STEP_TOLERANCE * step_mm:
        notes.append(
            f"the slices step {step_mm:.2f} mm, SpacingBetweenSlices says {stated:.2f} mm: the step is used"
        )
    return notes
