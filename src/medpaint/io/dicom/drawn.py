"""Masks in DICOM: segmentations and structure sets, drawn on the scan that they refer to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydicom import FileDataset
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from medpaint.core.errors import AmbiguousError, MaskError, UnreadableError
from medpaint.core.text import escaped
from medpaint.core.volume import Volume
from medpaint.io.dicom.contours import contours_of, regions_of
from medpaint.io.dicom.parsing import LABEL_MAP_STORAGE, PARSE_ERRORS, cause, parsed, quiet, text
from medpaint.io.dicom.segments import segmented, segments_of
from medpaint.io.dicom.shown import shown_uid
from medpaint.io.mask_image import MaskImage

__all__ = ["is_drawn", "read_drawn"]

_SEGMENTATIONS: Final = {SegmentationStorage, LABEL_MAP_STORAGE}

_NAMED: Final = 3
"""How many series a message names."""


def is_drawn(path: Path) -> bool:
    """Return whether a file is a DICOM segmentation or structure set."""
    if not path.is_file():
        return False
    try:
        with quiet():
            with path.open("rb") as stream:
                if stream.read(132)[128:] != b"DICM":
                    return False
            return _class_of(parsed(path.read_bytes(), path)) != ""
    except (OSError, UnreadableError):
        return False


def read_drawn(path: Path, scan: Volume, series_uid: str, labels: Sequence[int | str]) -> MaskImage:
    """Return the regions of a segmentation or structure set on the grid of a scan.

    Args:
        path: the file.
        scan: what it was drawn on.
        series_uid: series of the scan; empty if that is not DICOM, and then only the positions are compared.
        labels: numbers or names of the chosen segments or regions; empty: the only one.

    Raises:
        UnreadableError: the file is damaged.
        MaskError: it refers to another series, has no such region, or does not lie on the scan.
        AmbiguousError: several regions, and no choice.
    """
    with quiet():
        content = path.read_bytes()
        dataset = parsed(content, path)
        kind = _class_of(dataset)
        try:
            _check_series(dataset, kind, series_uid, path)
            regions = segments_of(dataset) if kind == "SEG" else regions_of(dataset)
            wanted = _wanted(regions, labels, path)
            if kind == "SEG":
                mask, affine, warnings = segmented(dataset, path, wanted, scan)
            else:
                mask, affine, warnings = contours_of(dataset, path, wanted, scan)
        except PARSE_ERRORS as error:
            message = f"expected an intact DICOM {kind}, got one that cannot be read ({cause(error)}): {path}"
            raise UnreadableError(message) from error
    return MaskImage(mask, affine, hashlib.sha256(content).hexdigest(), warnings)


def _class_of(dataset: FileDataset) -> str:
    """Return the kind of a dataset: SEG, RTSTRUCT, or empty for neither."""
    sop_class = text(dataset, "SOPClassUID")
    if sop_class in _SEGMENTATIONS:
        return "SEG"
    return "RTSTRUCT" if sop_class == RTStructureSetStorage else ""


def _check_series(dataset: FileDataset, kind: str, series_uid: str, path: Path) -> None:
    """Refuse a mask that refers only to other series than the scan's."""
    if kind == "SEG":
        series = {text(item, "SeriesInstanceUID") for item in dataset.get("ReferencedSeriesSequence") or ()}
    else:
        series = {
            text(item, "SeriesInstanceUID")
            for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ()
            for study in frame.get("RTReferencedStudySequence") or ()
            for item in study.get("RTReferencedSeriesSequence") or ()
        }
    if series_uid and series and series_uid not in series:
        message = (
            f"expected a mask of series {shown_uid(series_uid)}, got one that refers to "
            f"{', '.join(map(shown_uid, sorted(series)[:_NAMED]))}: {path}"
        )
        raise MaskError(message)


def _wanted(regions: Mapping[int, str], labels: Sequence[int | str], path: Path) -> list[int]:
    """Return the numbers of the chosen regions."""
    listed = ", ".join(f"{number} ({escaped(name)})" for number, name in regions.items())
    if not regions:
        message = f"expected regions, found none: {path}"
        raise MaskError(message)
    if not labels and len(regions) > 1:
        message = f"mask has {len(regions)} regions: {listed}; choose with --labels, by number or name"
        raise AmbiguousError(message)
    numbers = []
    for label in labels or regions:
        found = [number for number, name in regions.items() if label in (number, name, str(number))]
        if not found:
            message = f"mask has no region {label}; it has {listed}"
            raise MaskError(message)
        numbers += found
    return numbers
