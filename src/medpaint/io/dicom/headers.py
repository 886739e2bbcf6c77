"""The headers of DICOM files, and which of them belong to one series."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom import FileDataset, dcmread
from pydicom.uid import UID, MediaStorageDirectoryStorage

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.dicom.parsing import PARSE_ERRORS, integer, numbers, text, transfer_syntax_of, words

__all__ = ["Header", "Inventory", "take_inventory"]

_KEYWORDS: Final = (
    "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SliceThickness", "SpacingBetweenSlices",
    "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept", "RescaleSlope",
    "ModalityLUTSequence",
)  # fmt: skip

_FIRST_GROUPS: Final = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""How a file without preamble starts: group 2 or group 8, of either byte order."""


@dataclass(frozen=True)
class Header:
    """What is read of an image before its pixels. None of it names a patient.

    Attributes:
        bits: BitsAllocated, BitsStored, HighBit, PixelRepresentation.
        position: centre of the first voxel, LPS mm; None where absent or malformed, as the next three.
        orientation: direction cosines of the rows, then of the columns, LPS.
        pixel_spacing: distance between rows, then between columns, mm.
        slope: rescale slope, 1 where absent.
        intercept: rescale intercept, 0 where absent.
        depth_mm: SpacingBetweenSlices, or SliceThickness where that is absent; None without both.
        spacing_between: SpacingBetweenSlices, mm; None where absent.
    """

    path: Path
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
    has_lookup_table: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values; meaningful for 8, 16 and 32 bits."""
        return np.dtype(f"{'i' if self.bits[3] else 'u'}{self.bits[0] // 8}")

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that BitsStored can hold."""
        stored, signed = self.bits[1], self.bits[3]
        return (-(2.0 ** (stored - 1)), 2.0 ** (stored - 1) - 1) if signed else (0.0, 2.0**stored - 1)


@dataclass(frozen=True)
class Inventory:
    """The DICOM files of a folder.

    Attributes:
        series: headers by series instance UID, in the order of their paths.
        damaged: files that say that they are DICOM and cannot be parsed.
    """

    series: dict[str, list[Header]]
    damaged: list[Path]


def take_inventory(path: Path) -> Inventory:
    """Read the header of `path`, or of every file in and below the folder `path`.

    Files that are not DICOM, and DICOMDIR files, are passed over.

    Raises:
        InputError: there is no such file or folder.
    """
    if not path.exists():
        message = f"expected a DICOM file or folder, found nothing: {path}"
        raise InputError(message)
    inventory = Inventory({}, [])
    for file in _files(path):
        try:
            header = _read_header(file)
        except UnreadableError:
            inventory.damaged.append(file)
            continue
        if header is not None:
            inventory.series.setdefault(header.series_uid, []).append(header)
    return inventory


def _files(path: Path) -> Iterator[Path]:
    """Yield the regular files in and below `path`, in the order of their names."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_file():
                yield file


def _read_header(path: Path) -> Header | None:
    """Return the header of a DICOM file, None where it is not one.

    Raises:
        UnreadableError: it says that it is DICOM, and is damaged.
    """
    has_preamble = True
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
            stream.seek(0)
            has_preamble = start[128:] == b"DICM"
            if not has_preamble and start[:2] not in _FIRST_GROUPS:
                return None
            dataset = dcmread(stream, stop_before_pixels=True, force=True, specific_tags=list(_KEYWORDS))
        if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return None
        if text(dataset, "SOPClassUID") and text(dataset, "SeriesInstanceUID"):
            return _header(path, dataset)
    except PARSE_ERRORS:
        if not has_preamble:
            return None
    if not has_preamble:
        return None
    message = f"expected a whole DICOM header: {path}"
    raise UnreadableError(message)


def _header(path: Path, dataset: FileDataset) -> Header:
    """Return what is needed of a parsed header."""
    between, thickness = (_positive(dataset, key) for key in ("SpacingBetweenSlices", "SliceThickness"))
    return Header(
        path=path,
        sop_class=UID(text(dataset, "SOPClassUID")),
        sop_uid=text(dataset, "SOPInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        transfer_syntax=transfer_syntax_of(dataset),
        modality=text(dataset, "Modality"),
        image_type=words(dataset, "ImageType"),
        photometric=text(dataset, "PhotometricInterpretation"),
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
        slope=(numbers(dataset, "RescaleSlope", 1) or (1.0,))[0],
        intercept=(numbers(dataset, "RescaleIntercept", 1) or (0.0,))[0],
        depth_mm=between or thickness,
        spacing_between=between,
        has_lookup_table="ModalityLUTSequence" in dataset,
    )


def _positive(dataset: FileDataset, keyword: str) -> float | None:
    """Return a length in millimetres, None where it is absent, malformed or not positive."""
    found = numbers(dataset, keyword, 1)
    return found[0] if found is not None and found[0] > 0 else None
