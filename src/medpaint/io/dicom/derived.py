"""Attributes that mark an image as derived, with its own identifiers."""

from __future__ import annotations

import uuid
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from medpaint.__about__ import __version__
from medpaint.io.dicom.classes import PET_CLASSES
from medpaint.io.dicom.concatenation import IDENTIFIERS
from medpaint.io.dicom.frames import is_multi_frame, mark_frames
from medpaint.io.dicom.parsing import coded, integer, text, words
from medpaint.io.dicom.stale import remove_stale
from medpaint.io.source import Derivation

__all__ = [
    "SERIES_NUMBER_STEP",
    "STATEMENT",
    "UID_ROOT",
    "count_slices",
    "derived_uid",
    "mark_derived",
    "place_slice",
]

_NAMESPACE: Final = uuid.UUID("7d9f7a53-5ad0-5c1c-9d27-0b5a3a4a6c11")
"""Namespace of every UUID derived here; chosen once, never to change."""

UID_ROOT: Final = "2.25."
"""Start of identifiers that are made of a UUID (DICOM PS3.5, B.2), as those of all products are."""

IMPLEMENTATION_UID: Final = UID(f"{UID_ROOT}{uuid.uuid5(_NAMESPACE, 'implementation').int}")

STATEMENT: Final = (
    "Voxels inside a mask were synthesised by medpaint and are not measurements. "
    "For research only, not for diagnosis."
)

SERIES_NUMBER_STEP: Final = 1000
_LARGEST_NUMBER: Final = 2**31 - 1  # of an integer string (IS)
_LONGEST_DESCRIPTION: Final = 64  # characters of a long string (LO), DICOM PS3.5, 6.2
_LONGEST_TEXT: Final = 1024  # characters of a short text (ST)
_SUFFIX: Final = " restored"


def derived_uid(uid: str, key: str) -> UID:
    """Return the identifier that takes the place of `uid` in whatever is derived with `key`.

    It has the form 2.25 and a name-based UUID (DICOM PS3.5, B.2; RFC 9562, 5.5).
    """
    return UID(f"{UID_ROOT}{uuid.uuid5(_NAMESPACE, f'{uid} {key}').int}")


def mark_derived(dataset: FileDataset, derivation: Derivation, *, filled: AbstractSet[int]) -> None:
    """Mark an image as derived, from which image and how; leave its pixel data alone.

    Args:
        dataset: the image, changed in place.
        derivation: how it was derived.
        filled: numbers of the frames that hold synthesised pixels, from 0; 0 is also the one of a single frame.
    """
    remove_stale(dataset)
    derived = _derivation(dataset, derivation)
    if is_multi_frame(dataset):
        mark_frames(dataset, derived, filled)
        if words(dataset, "ImageType")[0] == "DERIVED":  # not where frames are mixed
            dataset.SourceImageEvidenceSequence = [
                *dataset.get("SourceImageEvidenceSequence", []),
                _evidence(dataset),
            ]
    else:
        dataset.update(derived)
        second = "PRIMARY" if dataset.SOPClassUID in PET_CLASSES else "SECONDARY"  # as PS3.3 C.8.9.4.1.1 has it
        dataset.ImageType = ["DERIVED", second, *words(dataset, "ImageType")[2:]]
    if filled:
        dataset.SyntheticData = "YES"
    dataset.ContributingEquipmentSequence = [*dataset.get("ContributingEquipmentSequence", []), _equipment()]
    dataset.SOPInstanceUID = derived_uid(dataset.SOPInstanceUID, derivation.key)
    dataset.SeriesInstanceUID = derived_uid(dataset.SeriesInstanceUID, derivation.key)
    for keyword in IDENTIFIERS:
        if uid := text(dataset, keyword):
            setattr(dataset, keyword, derived_uid(uid, derivation.key))
    number = integer(dataset, "SeriesNumber", 0) + SERIES_NUMBER_STEP
    dataset.SeriesNumber = min(number, _LARGEST_NUMBER)
    kept = text(dataset, "SeriesDescription")[: _LONGEST_DESCRIPTION - len(_SUFFIX)]
    dataset.SeriesDescription = f"{kept}{_SUFFIX}".strip()
    dataset.preamble = bytes(128)
    dataset.file_meta = _file_meta(dataset)


def place_slice(dataset: Dataset, position: NDArray[np.float64], number: int) -> None:
    """Set the position of a slice that was put between others; its other attributes stay its neighbour's.

    Args:
        dataset: an image of one frame, changed in place.
        position: centre of its first voxel, LPS mm, (3,) or more.
        number: of the slice in the volume, from 1.
    """
    dataset.ImagePositionPatient = [f"{value:.10g}" for value in position[:3]]
    dataset.InstanceNumber = number
    dataset.ImageComments = "This slice was absent from the source and was synthesised as a whole."
    if "SliceLocation" in dataset:
        del dataset.SliceLocation


def count_slices(dataset: Dataset, number: int, total: int) -> None:
    """Bring the numbers of slices and images up to date in a PET image of a series that got more slices.

    Args:
        dataset: an image of one frame, changed in place; of another kind, left alone.
        number: of the slice in the volume, from 1.
        total: slices of the volume.
    """
    before = integer(dataset, "NumberOfSlices", 0)
    if before < 1 or dataset.SOPClassUID not in PET_CLASSES:
        return
    volumes_before = (integer(dataset, "ImageIndex", 1) - 1) // before  # PS3.3 C.8.9.4.1.9
    dataset.NumberOfSlices = total
    dataset.ImageIndex = volumes_before * total + number


def _derivation(dataset: Dataset, derivation: Derivation) -> Dataset:
    """Return how the image was derived and from which, as its own attributes or those of its frames."""
    derived = Dataset()
    derived.DerivationDescription = _described(derivation, text(dataset, "DerivationDescription"))
    derived.DerivationCodeSequence = [coded("113062", "Pixel by pixel calculation")]
    derived.SourceImageSequence = [_source_item(dataset)]
    return derived


def _equipment() -> Dataset:
    """Return the entry of this software in the list of contributing equipment (DICOM PS3.3, C.12.1.1.5)."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [coded("109102", "Processing Equipment")]
    item.Manufacturer = "medpaint"
    item.ManufacturerModelName = "medpaint"
    item.SoftwareVersions = __version__
    item.ContributionDescription = STATEMENT
    return item


def _source_item(dataset: Dataset) -> Dataset:
    """Return the reference to the source image.

    It replaces references that the source itself may have; those can be followed from the source.
    """
    item = Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [
        coded("121322", "Source image for image processing operation"),
    ]
    return item


def _evidence(dataset: Dataset) -> Dataset:
    """Return the place of the source image in the hierarchy of studies (DICOM PS3.3, table 10-3b)."""
    image = Dataset()
    image.ReferencedSOPClassUID = dataset.SOPClassUID
    image.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID = dataset.SeriesInstanceUID
    series.ReferencedSOPSequence = [image]
    study = Dataset()
    study.StudyInstanceUID = dataset.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study


def _described(derivation: Derivation, before: str) -> str:
    """Return how the image was derived: our text first and complete, then the source's own description."""
    room = _LONGEST_TEXT - len(STATEMENT) - 1
    said = derivation.description.encode("ascii", "replace").decode("ascii")[:room]
    whole = f"{said} {STATEMENT}".strip()
    return f"{whole} Before: {before}"[:_LONGEST_TEXT] if before else whole


def _file_meta(dataset: FileDataset) -> FileMetaDataset:
    """Return new file meta information; the source's names the software that wrote the source."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = f"MEDPAINT {__version__}"[:16]
    return meta
