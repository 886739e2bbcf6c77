"""The mask that was applied, or found, as a DICOM segmentation that refers to the images of the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.sr.coding import Code

from medpaint.__about__ import __version__
from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Affine, Array, Mask
from medpaint.io.archive import File
from medpaint.io.atomic import replacing
from medpaint.io.dicom.deidentified import deidentify
from medpaint.io.dicom.derived import SERIES_NUMBER_STEP, STATEMENT, derived_uid
from medpaint.io.dicom.frames import GROUP_KEYWORDS, is_multi_frame
from medpaint.io.dicom.mosaic import is_mosaic
from medpaint.io.dicom.parsing import PARSE_ERRORS, cause, integer, invalid_refused, parsed, quiet, text, unchanged
from medpaint.io.source import Derivation

__all__ = ["write_segmentation"]

_CATEGORY: Final = Code("309825002", "SCT", "Spatial and Relational Concept")
_TYPE: Final = Code("111099", "DCM", "Selected region")
_FAMILY: Final = Code("113076", "DCM", "Segmentation")

_MAY_BE_EMPTY: Final = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Attributes of patient and study that are required but may be empty (type 2)."""

_DEIDENTIFICATION: Final = (
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
"""Attributes about de-identification, which pass on to objects derived from an image."""

_CHARACTER_SET: Final = "SpecificCharacterSet"

_NO_DATE, _NO_TIME = "19000101", "000000"
"""Replacements for a required date and time where the image has none."""

_APPLIED: Final = ("Repaired", "REPAIRED", "Mask of what medpaint repaired", STATEMENT[:64])
_FOUND: Final = ("Damaged", "DAMAGED", "Mask of what medpaint found damaged", "Found by medpaint, not reviewed")
"""Labels of the segment and of the content, and descriptions of the series and of the content."""

_Slices: TypeAlias = list[list[tuple[int, int]]]
"""Slices of each file: the number in the volume, and the number in the file."""


class _Series(Protocol):
    """The parts of the series that a mask belongs to; see `medpaint.io.dicom.source.DicomSource`."""

    @property
    def instances(self) -> tuple[File, ...]: ...

    @property
    def digests(self) -> tuple[str, ...]: ...

    @property
    def affine(self) -> Affine: ...

    @property
    def absent(self) -> tuple[int, ...]: ...

    def slices_by_file(self) -> _Slices: ...


def write_segmentation(
    source: _Series, mask: Mask, path: Path, derivation: Derivation, *, restored: Path | None
) -> None:
    """Write a mask as a binary DICOM segmentation of one segment, which refers to the images that it touches.

    These are the images of the scan or, if slices of it were absent, those of the restored series.

    It belongs to the study and the frame of reference of the scan, so that a viewer opens both together; frames
    without a voxel of the mask are omitted. Its identifiers derive from the source's and `derivation.key`.

    Args:
        source: the series that the mask belongs to.
        mask: True = repaired, (I, J, K), at least one voxel.
        path: the file to write.
        derivation: how the scan was restored.
        restored: folder of the restored series; None where the mask was found and not applied.

    Raises:
        UnsupportedError: a segmentation cannot refer to such images; the message says why.
        InputError: a file of the source has changed since it was read.
    """
    with quiet():
        if source.absent and restored is not None:
            images, slices = _restored_images(restored, mask)
        else:
            images, slices = _source_images(source, mask, derivation.secret)
        slices, kept = _without_other_volumes(images, slices)
        if is_mosaic(images[0]):
            message = "no DICOM segmentation was written: the slices of a mosaic cannot be referred to"
            raise UnsupportedError(message)
        if not text(images[0], "FrameOfReferenceUID"):
            message = "no DICOM segmentation was written: the series has no frame of reference"
            raise UnsupportedError(message)
        try:
            written = _segmentation(
                images, _frames(images, slices, mask), derivation, applied=restored is not None
            )
        except PARSE_ERRORS as error:
            message = f"no DICOM segmentation was written: the library that makes it failed ({cause(error)})"
            raise UnsupportedError(message) from error
        _state_step(written, slices, source)
        _refer_to(written, kept)
        for keyword in _DEIDENTIFICATION:
            if keyword in images[0]:
                written[keyword] = images[0][keyword]
        _make_repeatable(written, images[0])
        with replacing(path) as part:
            written.save_as(part)


def _segmentation(images: list[FileDataset], frames: Array, derivation: Derivation, *, applied: bool) -> Dataset:
    """Return the segmentation of some images, its frames in their order, (frames, rows, columns)."""
    label, content, series_words, words = _APPLIED if applied else _FOUND
    highdicom: Any = import_module("highdicom")
    first = images[0]
    texts = [first[keyword] for keyword in (*_MAY_BE_EMPTY, _CHARACTER_SET) if keyword in first]
    for image in images:
        image.pop(_CHARACTER_SET, None)  # the library does not know an empty value in it
    algorithm = highdicom.AlgorithmIdentificationSequence("medpaint", _FAMILY, __version__)
    described = highdicom.seg.SegmentDescription(
        1, label, _CATEGORY, _TYPE, "SEMIAUTOMATIC", algorithm_identification=algorithm
    )
    series = derived_uid(text(first, "SeriesInstanceUID"), f"{derivation.key} mask")
    written: Dataset = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[described],
        series_instance_uid=series,
        series_number=min(integer(first, "SeriesNumber", 0) + 2 * SERIES_NUMBER_STEP, 2**31 - 1),
        series_description=series_words,
        sop_instance_uid=derived_uid(series, "instance"),
        instance_number=1,
        manufacturer="medpaint",
        manufacturer_model_name="medpaint",
        software_versions=__version__,
        device_serial_number="0",
        content_label=content,
        content_description=words,
    )
    for element in texts:
        written[element.tag] = element  # with the bytes that it has in the image
    return written


def _state_step(written: Dataset, slices: _Slices, source: _Series) -> None:
    """State the step of the scan's slices in a segmentation, even where its own frames are farther apart."""
    step_mm = float(np.linalg.norm(source.affine[:3, 2]))
    for item in written.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence") or ():
        item.SpacingBetweenSlices = f"{step_mm:.10g}"
    numbers = [k for own in slices for k, _ in own]
    if np.ptp(numbers) >= len(numbers):
        written.pop("DimensionOrganizationType", None)  # 3D are frames without a gap


def _make_repeatable(written: Dataset, image: Dataset) -> None:
    """Make a segmentation the same on every run: dates from the image, and no random identifiers."""
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        written.pop(keyword, None)
    written.ContentDate = text(image, "ContentDate") or text(image, "StudyDate") or _NO_DATE
    written.ContentTime = text(image, "ContentTime") or text(image, "StudyTime") or _NO_TIME
    for item in written.get("ContributingEquipmentSequence") or ():
        item.pop("ContributionDateTime", None)
    organization = derived_uid(text(written, "SOPInstanceUID"), "dimensions")
    for item in [*written.DimensionOrganizationSequence, *written.DimensionIndexSequence]:
        item.DimensionOrganizationUID = organization


def _source_images(source: _Series, mask: Mask, secret: bytes) -> tuple[list[FileDataset], _Slices]:
    """Return the images of a scan that a mask touches, and their slices."""
    slices = source.slices_by_file()
    touched = [number for number, own in enumerate(slices) if any(mask[:, :, k].any() for k, _ in own)]
    return [_completed(_read(source, number, secret)) for number in touched], [slices[one] for one in touched]


def _restored_images(folder: Path, mask: Mask) -> tuple[list[FileDataset], _Slices]:
    """Return the images of a restored series, one file per slice in order, that a mask touches."""
    files = sorted(folder.iterdir(), key=lambda file: int(file.stem))
    touched = [(k, file) for k, file in enumerate(files) if mask[:, :, k].any()]
    return [_completed(parsed(file.read_bytes(), file)) for _, file in touched], [[(k, 0)] for k, _ in touched]


def _read(source: _Series, number: int, secret: bytes) -> FileDataset:
    """Return one file of a series, parsed and, with a secret, de-identified."""
    file = source.instances[number]
    dataset = parsed(unchanged(file, source.digests[number]), file)
    if secret:
        with invalid_refused(file):
            deidentify(dataset, secret)
    return dataset


def _completed(dataset: FileDataset) -> FileDataset:
    """Add attributes that may be empty, move the frames' geometry to the shared group, and drop the pixels."""
    del dataset.PixelData
    for keyword in _MAY_BE_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    if is_multi_frame(dataset):
        shared, frames = (dataset.get(keyword) or [Dataset()] for keyword in GROUP_KEYWORDS)
        for macro in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
            if macro not in shared[0] and macro in frames[0]:
                shared[0][macro] = frames[0][macro]
        dataset.SharedFunctionalGroupsSequence = shared
    return dataset


def _without_other_volumes(images: list[FileDataset], slices: _Slices) -> tuple[_Slices, dict[str, list[int]]]:
    """Remove the frames of other volumes from multi-frame images, which the library would refuse as duplicates.

    Args:
        images: changed in place.
        slices: of each image.

    Returns:
        The slices, numbered by the frames that are left, and what number these had, by image.
    """
    left: _Slices = []
    kept: dict[str, list[int]] = {}
    for image, own in zip(images, slices, strict=True):
        places = sorted(place for _, place in own)
        if is_multi_frame(image):
            image[GROUP_KEYWORDS[1]].value = [image[GROUP_KEYWORDS[1]].value[place] for place in places]
            image.NumberOfFrames = len(places)
            kept[text(image, "SOPInstanceUID")] = places
        left.append([(k, places.index(place)) for k, place in own])
    return left, kept


def _refer_to(written: Dataset, kept: Mapping[str, Sequence[int]]) -> None:
    """Number the frames that a segmentation refers to as the images do, from 1."""
    for item in written[GROUP_KEYWORDS[1]].value:
        for derivation in item.get("DerivationImageSequence") or ():
            for source in derivation.SourceImageSequence:
                places = kept.get(text(source, "ReferencedSOPInstanceUID"))
                if places is not None:
                    source.ReferencedFrameNumber = places[integer(source, "ReferencedFrameNumber", 1) - 1] + 1


def _frames(images: list[FileDataset], slices: Sequence[Sequence[tuple[int, int]]], mask: Mask) -> Array:
    """Return the mask in the order of the images' frames, (frames, rows, columns).

    Args:
        images: files.
        slices: of each, the numbers of its slices in the volume and in the file.
        mask: (I, J, K).
    """
    firsts = np.cumsum([0, *(integer(image, "NumberOfFrames", 1) for image in images)])
    frames = np.zeros((int(firsts[-1]), mask.shape[1], mask.shape[0]), dtype=np.uint8)
    for first, placed in zip(firsts, slices, strict=False):
        for k, place in placed:
            frames[int(first) + place] = mask[:, :, k].T
    return frames
