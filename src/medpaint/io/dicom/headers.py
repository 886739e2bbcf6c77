"""Headers of slices, read before their pixels; a slice is a file, a frame, or a tile of a mosaic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.uid import UID

from medpaint.io.archive import File
from medpaint.io.codecs.codestream import value_limits
from medpaint.io.dicom.classes import PET_CLASSES
from medpaint.io.dicom.extent import Extent
from medpaint.io.dicom.facets import FACET_KEYWORDS, facets_of, order_of
from medpaint.io.dicom.frames import GROUP_KEYWORDS, frame_datasets
from medpaint.io.dicom.mosaic import CSA_TAGS, is_mosaic, mosaic_of
from medpaint.io.dicom.parsing import Contradiction, integer, numbers, text, transfer_syntax_of, words
from medpaint.io.dicom.scaling import Scaling, padding_of, scaling_of
from medpaint.io.dicom.shown import shown_code, shown_uid

__all__ = ["KEYWORDS", "Header", "agreed", "headers_of"]

_PET_FACTS: Final = {
    "pet_units": "Units",
    "suv_type": "SUVType",
    "decay_correction": "DecayCorrection",
    "series_type": "SeriesType",
}
"""Facts about PET, and the attributes that state them."""

KEYWORDS: Final[tuple[str | int, ...]] = (
    "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SliceThickness", "SpacingBetweenSlices",
    "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept", "RescaleSlope",
    "ModalityLUTSequence", "RealWorldValueMappingSequence", "InstanceNumber", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "BurnedInAnnotation", "ConcatenationUID", "InConcatenationTotalNumber", 0x60000010,
    *_PET_FACTS.values(), *FACET_KEYWORDS, *GROUP_KEYWORDS, *CSA_TAGS,
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
        scaling: from stored value to intensity.
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
        facts: of PET, what its values are: units, type of SUV, decay correction, type of series.
        facets: what distinguishes volumes of one series, by name.
        order: what the slices of one position can be ordered by, by name; empty where not stated.
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
    scaling: Scaling
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
    concatenation: tuple[str, int] = ("", 0)
    facts: dict[str, str] = field(default_factory=dict)
    facets: dict[str, str] = field(default_factory=dict)
    order: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values; meaningful for 8, 16 and 32 bits."""
        return np.dtype(f"{'i' if self.bits[3] else 'u'}{self.bits[0] // 8}")

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that BitsStored can represent."""
        lowest, highest = value_limits(self.bits[1], signed=bool(self.bits[3]))
        return float(lowest), float(highest)


def agreed(headers: Sequence[Header]) -> tuple[Header, ...]:
    """Return the headers of a volume; drop real-world values unless all slices have them in one unit."""
    kinds = {(header.scaling.has_real_world, header.scaling.unit) for header in headers}
    if len(kinds) == 1:
        return tuple(headers)
    note = "the slices differ in the meaning of their values: stored values are used as intensities"
    return tuple(
        replace(one, scaling=Scaling(), notes=(*one.notes, note)) if one.scaling.has_real_world else one
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
        slices = [_numbered(_header(path, frame, syntax), index) for index, frame in frames]
    notes = tuple(note for note in (extent.note, _syntax_note(dataset, syntax)) if note)
    return tuple(
        replace(one, notes=one.notes + notes, fault=extent.fault or one.fault, has_pixels=extent.has_pixels)
        for one in slices
    )


def _numbered(header: Header, index: int) -> Header:
    """Return the header of a frame with its number, which orders the frames of a file."""
    if header.frames == 1:
        return header
    number = (*(header.order["instance-number"] or (0.0,)), float(index))
    return replace(header, index=index, order={**header.order, "instance-number": number})


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
        scaling=scaling_of(dataset),
        depth_mm=between or thickness,
        spacing_between=between,
        thickness=thickness,
        number=_number(dataset),
        has_lookup_table="ModalityLUTSequence" in dataset,
        padding=padding_of(dataset),
        notes=_notes(dataset),
        concatenation=(text(dataset, "ConcatenationUID"), integer(dataset, "InConcatenationTotalNumber", 0)),
        facts=_facts(dataset),
        facets=facets_of(dataset),
        order=order_of(dataset),
    )


def _facts(dataset: Dataset) -> dict[str, str]:
    """Return what the values of a PET image are; nothing for others."""
    if UID(text(dataset, "SOPClassUID")) not in PET_CLASSES:
        return {}
    stated = {name: "/".join(map(shown_code, words(dataset, keyword))) for name, keyword in _PET_FACTS.items()}
    return {name: value for name, value in stated.items() if value}


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
