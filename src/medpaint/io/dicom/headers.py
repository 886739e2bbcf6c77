"""Headers of slices, read before their pixels; a slice is a file, a frame, or a tile of a mosaic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.uid import UID

from medpaint.io.archive import File
from medpaint.io.dicom.extent import Extent
from medpaint.io.dicom.frames import GROUP_KEYWORDS, frame_datasets
from medpaint.io.dicom.mosaic import CSA_TAGS, is_mosaic, mosaic_of
from medpaint.io.dicom.parsing import (
    Contradiction,
    integer,
    numbers,
    stored_values,
    text,
    transfer_syntax_of,
    words,
)
from medpaint.io.dicom.shown import is_code, shown_code, shown_uid, shown_unit

__all__ = ["KEYWORDS", "Header", "agreed", "headers_of"]

_FACETS: Final = {
    "AcquisitionNumber": "acquisition",
    "EchoTime": "echo-time",
    "ComplexImageComponent": "component",
    "ImageType": "image-type",
    "DiffusionBValue": "b-value",
    "TemporalPositionIdentifier": "time",
    "TriggerTime": "trigger-time",
    "InversionTime": "inversion-time",
    "StackID": "stack",
}
"""Attributes that distinguish the volumes of one series, and the names used for them."""

KEYWORDS: Final[tuple[str | int, ...]] = (
    "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SliceThickness", "SpacingBetweenSlices",
    "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept", "RescaleSlope",
    "ModalityLUTSequence", "RealWorldValueMappingSequence", "InstanceNumber", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "BurnedInAnnotation", "ConcatenationUID", "InConcatenationTotalNumber",
    0x60000010, *_FACETS, *GROUP_KEYWORDS, *CSA_TAGS,
)  # fmt: skip
"""Attributes that are parsed of each file at first."""


@dataclass(frozen=True)
class Header:
    """The header of a slice. Nothing in it identifies a patient.

    Attributes:
        bits: BitsAllocated, BitsStored, HighBit, PixelRepresentation.
        position: centre of the first voxel, LPS mm; None where absent or malformed, like the next three.
        orientation: direction cosines of the rows, then of the columns, LPS.
        pixel_spacing: distance between rows, then between columns, mm.
        slope: factor from stored value to intensity; see `_scaling`.
        intercept: added to that.
        has_real_world: whether slope and intercept come from a real-world value mapping.
        is_rescaled: whether they are stated at all.
        unit: of the result, in the Unified Code for Units of Measure; empty where not stated.
        depth_mm: SpacingBetweenSlices, or SliceThickness where that is absent; None without both.
        spacing_between: SpacingBetweenSlices, mm; None where absent.
        thickness: SliceThickness, mm; None where absent.
        number: InstanceNumber; None where absent.
        padding: lowest and highest stored value of padding; None without any.
        notes: what users should know about its pixels, a sentence each.
        has_pixels: whether the file has pixel data.
        fault: why its pixel data cannot be what the header describes; empty if nothing is wrong.
        frames: number of frames in the file.
        index: of the frame in the file, or of the tile in the mosaic, from 0.
        tiled: whether the file is a mosaic.
        concatenation: identifier of the image that the file is a part of, and the number of its parts; empty and 0
            where it is whole.
        facets: what distinguishes volumes of one series, by name.
    """

    path: File
    sop_class: UID
    sop_uid: str
    series_uid: str
    frame_of_reference: str
    transfer_syntax: UID
    modality: str
    image_type: tuple[str, ...]
    photometric: str
    samples: int
    frames: int
    rows: int
    columns: int
    bits: tuple[int, int, int, int]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    slope: float
    intercept: float
    depth_mm: float | None
    spacing_between: float | None
    thickness: float | None
    number: int | None
    has_lookup_table: bool
    padding: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    has_pixels: bool = True
    fault: str = ""
    index: int = 0
    tiled: bool = False
    unit: str = ""
    has_real_world: bool = False
    is_rescaled: bool = False
    concatenation: tuple[str, int] = ("", 0)
    facets: dict[str, str] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values; meaningful for 8, 16 and 32 bits."""
        return np.dtype(f"{'i' if self.bits[3] else 'u'}{self.bits[0] // 8}")

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that BitsStored can represent."""
        return _limits(self.bits[1], self.bits[3])


def _limits(stored: int, signed: int) -> tuple[float, float]:
    """Return the smallest and largest value that a number of bits can represent."""
    return (-(2.0 ** (stored - 1)), 2.0 ** (stored - 1) - 1) if signed else (0.0, 2.0**stored - 1)


def agreed(headers: Sequence[Header]) -> tuple[Header, ...]:
    """Return the headers of a volume; drop real-world values unless all slices have them in one unit."""
    kinds = {(header.has_real_world, header.unit) for header in headers}
    if len(kinds) == 1:
        return tuple(headers)
    note = "the slices differ in the meaning of their values: stored values are used as intensities"
    return tuple(
        replace(
            one,
            slope=1.0,
            intercept=0.0,
            unit="",
            has_real_world=False,
            is_rescaled=False,
            notes=(*one.notes, note),
        )
        if one.has_real_world
        else one
        for one in headers
    )


def headers_of(path: File, dataset: FileDataset, extent: Extent) -> tuple[Header, ...]:
    """Return the headers of the slices in a file: one in all, per frame, or per tile.

    A file whose pixels cannot be those that it describes is one slice: it may claim any number of frames.

    Raises:
        Contradiction: the numbers of functional groups and frames differ.
    """
    syntax = transfer_syntax_of(dataset)
    if extent.fault or not extent.has_pixels:
        slices = [_header(path, dataset, syntax)]
    elif is_mosaic(dataset):
        slices = list(_tiles(path, dataset, syntax))
    else:
        frames = enumerate(frame_datasets(dataset))
        slices = [replace(_header(path, frame, syntax), index=index) for index, frame in frames]
    notes = tuple(note for note in (extent.note, _syntax_note(dataset, syntax)) if note)
    return tuple(
        replace(one, notes=one.notes + notes, fault=extent.fault or one.fault, has_pixels=extent.has_pixels)
        for one in slices
    )


def _syntax_note(dataset: FileDataset, syntax: UID) -> str:
    """Return a note where the meta header states another transfer syntax than the data set has."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if not stated or stated == syntax:
        return ""
    return (
        f"the meta header says {shown_uid(stated)}, the data set is {shown_uid(syntax)}: it is read as what it is"
    )


def _tiles(path: File, dataset: FileDataset, syntax: UID) -> Iterator[Header]:
    """Yield the headers of the slices of a mosaic; each mosaic is a separate volume."""
    whole = _header(path, dataset, syntax)
    try:
        mosaic = mosaic_of(dataset)
    except Contradiction as error:
        yield replace(whole, position=None, tiled=True, fault=str(error))
        return
    facets = {**whole.facets, "instance": text(dataset, "InstanceNumber")}
    for index, position in enumerate(mosaic.positions()):
        yield replace(
            whole,
            rows=mosaic.rows,
            columns=mosaic.columns,
            position=position,
            index=index,
            tiled=True,
            facets=facets,
        )


def _header(path: File, dataset: Dataset, syntax: UID) -> Header:
    """Return the needed parts of a parsed header."""
    scaling = _scaling(dataset)
    between, thickness = (_positive(dataset, key) for key in ("SpacingBetweenSlices", "SliceThickness"))
    return Header(
        path=path,
        sop_class=UID(text(dataset, "SOPClassUID")),
        sop_uid=text(dataset, "SOPInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        transfer_syntax=syntax,
        modality=shown_code(text(dataset, "Modality")),
        image_type=words(dataset, "ImageType"),
        photometric=shown_code(text(dataset, "PhotometricInterpretation")),
        samples=integer(dataset, "SamplesPerPixel", 1),
        frames=integer(dataset, "NumberOfFrames", 1),
        rows=integer(dataset, "Rows", 0),
        columns=integer(dataset, "Columns", 0),
        bits=(
            integer(dataset, "BitsAllocated", 0),
            integer(dataset, "BitsStored", 0),
            integer(dataset, "HighBit", integer(dataset, "BitsStored", 0) - 1),
            integer(dataset, "PixelRepresentation", 0),
        ),
        position=numbers(dataset, "ImagePositionPatient", 3),
        orientation=numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing=numbers(dataset, "PixelSpacing", 2),
        slope=scaling[0],
        intercept=scaling[1],
        unit=shown_unit(scaling[2]),
        has_real_world=scaling[3],
        is_rescaled=scaling[3] or "RescaleSlope" in dataset or "RescaleIntercept" in dataset,
        depth_mm=between or thickness,
        spacing_between=between,
        thickness=thickness,
        number=_number(dataset),
        has_lookup_table="ModalityLUTSequence" in dataset,
        padding=_padding(dataset),
        notes=_notes(dataset),
        concatenation=(text(dataset, "ConcatenationUID"), integer(dataset, "InConcatenationTotalNumber", 0)),
        facets=_facets(dataset),
    )


def _facets(dataset: Dataset) -> dict[str, str]:
    """Return what distinguishes the volumes of a series.

    Of ImageType these are the third and later values, because the first two differ in a derived image. Values are
    shown, so whatever is neither a number nor a code string is left out.
    """
    facets = {name: words(dataset, keyword) for keyword, name in _FACETS.items()}
    facets["image-type"] = facets["image-type"][2:]
    orientation = numbers(dataset, "ImageOrientationPatient", 6) or ()
    facets["orientation"] = tuple(f"{cosine + 0.0:.3f}" for cosine in orientation)
    return {name: "/".join(filter(is_code, values)) for name, values in facets.items()}


def _scaling(dataset: Dataset) -> tuple[float, float, str, bool]:
    """Return slope, intercept and unit of the intensities, and whether they come from real-world values.

    They come from the rescaling (DICOM PS3.3 C.11.1); without one, from the real-world value mapping if a single
    line covers all stored values (C.7.6.16.2.11); without either, stored values are intensities.
    """
    slope, intercept = numbers(dataset, "RescaleSlope", 1), numbers(dataset, "RescaleIntercept", 1)
    mappings: Sequence[Dataset] = dataset.get("RealWorldValueMappingSequence") or ()
    if slope is None and intercept is None and len(mappings) == 1:
        line = mappings[0]
        slope, intercept = numbers(line, "RealWorldValueSlope", 1), numbers(line, "RealWorldValueIntercept", 1)
        if slope and intercept and slope[0] and _is_for_all(line, dataset):
            units = [one for one in line.get("MeasurementUnitsCodeSequence") or () if _is_unit(one)]
            return slope[0], intercept[0], text(units[0], "CodeValue") if units else "", True
        return 1.0, 0.0, "", False
    return (slope or (1.0,))[0], (intercept or (0.0,))[0], "", False


def _is_for_all(line: Dataset, dataset: Dataset) -> bool:
    """Return whether a real-world value mapping covers all stored values that the bits can hold."""
    signed = integer(dataset, "PixelRepresentation", 0)
    lowest, highest = _limits(integer(dataset, "BitsStored", 0), signed)
    first = stored_values(line, "RealWorldValueFirstValueMapped", signed) or (lowest,)
    last = stored_values(line, "RealWorldValueLastValueMapped", signed) or (highest,)
    return first[0] <= lowest and highest <= last[0]


def _is_unit(code: Dataset) -> bool:
    """Return whether a code belongs to the Unified Code for Units of Measure, and is not free text."""
    return text(code, "CodingSchemeDesignator") == "UCUM"


def _padding(dataset: Dataset) -> tuple[float, float] | None:
    """Return the range of padding values (DICOM PS3.3 C.7.5.1.1.2); None without any."""
    signed = integer(dataset, "PixelRepresentation", 0)
    value = stored_values(dataset, "PixelPaddingValue", signed)
    if value is None:
        return None
    limit = stored_values(dataset, "PixelPaddingRangeLimit", signed) or value
    return min(*value, *limit), max(*value, *limit)


def _notes(dataset: Dataset) -> tuple[str, ...]:
    """Return what users should know about an image's pixels."""
    burnt = text(dataset, "BurnedInAnnotation") == "YES"
    return (
        *(["annotations are burnt into the pixels"] if burnt else []),
        *(["overlays are kept unchanged"] if 0x60000010 in dataset else []),
    )


def _number(dataset: Dataset) -> int | None:
    """Return the instance number; None where it is absent or malformed."""
    found = numbers(dataset, "InstanceNumber", 1)
    return None if found is None else int(found[0])


def _positive(dataset: Dataset, keyword: str) -> float | None:
    """Return a length in millimetres; None where it is absent, malformed or not positive."""
    found = numbers(dataset, keyword, 1)
    return found[0] if found is not None and found[0] > 0 else None
