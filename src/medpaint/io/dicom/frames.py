"""Multi-frame images: the functional groups of each frame."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Final

from pydicom import DataElement, Dataset, FileDataset
from pydicom.tag import Tag

from medpaint.io.dicom.classes import FRAME_TYPES
from medpaint.io.dicom.parsing import Contradiction, integer, words

__all__ = ["GROUP_KEYWORDS", "frame_datasets", "is_multi_frame", "mark_frames"]

GROUP_KEYWORDS: Final = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""Where an enhanced image states attributes of all frames, and of each (DICOM PS3.3 C.7.6.16)."""

_MACROS: Final = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    *FRAME_TYPES,
    "MREchoSequence",
    "MRDiffusionSequence",
    "MRTimingAndRelatedParametersSequence",
    "CardiacSynchronizationSequence",
    "RespiratorySynchronizationSequence",
    "SegmentIdentificationSequence",
)
"""Functional groups whose attributes are at the top level of a single-frame image (DICOM PS3.3 C.7.6.16.2)."""

_REAL_WORLD: Final = "RealWorldValueMappingSequence"
"""At the top level of a single-frame image it has the same form as in a functional group."""

_DERIVATION: Final = "DerivationImageSequence"

_UNASSIGNED: Final = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
"""Where a legacy converted image keeps attributes of its frames that have no functional group."""

_RENAMED: Final = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
}
"""Attributes of a frame to the equivalent ones of a single-frame image."""


def frame_datasets(dataset: FileDataset) -> Iterator[Dataset]:
    """Yield for each frame the attributes that a single-frame image would have.

    Raises:
        Contradiction: the numbers of functional groups and frames differ.
    """
    frames = integer(dataset, "NumberOfFrames", 1)
    per_frame = dataset.get(GROUP_KEYWORDS[1])
    if not per_frame:
        for _ in range(frames):
            yield dataset
        return
    if len(per_frame) != frames:
        message = f"expected functional groups of {frames} frames, got {len(per_frame)}"
        raise Contradiction(message)
    common = Dataset()
    for element in dataset:
        if element.keyword not in GROUP_KEYWORDS:
            common[element.tag] = element
    for item in dataset.get(GROUP_KEYWORDS[0]) or ():
        _flatten(item, common)
    for item in per_frame:
        frame = Dataset()
        frame.update(common)
        _flatten(item, frame)
        yield frame


def is_multi_frame(dataset: Dataset) -> bool:
    """Return whether an image has functional groups per frame."""
    return GROUP_KEYWORDS[1] in dataset


def mark_frames(dataset: Dataset, derivation: Dataset, filled: AbstractSet[int]) -> None:
    """Mark the frames of an enhanced image that are derived, with the image they derive from.

    Frames without filled pixels stay unchanged. The second value of the type stays ``PRIMARY``, the only
    value that these classes allow (DICOM PS3.3 C.8.16.1.2).

    Args:
        dataset: the image, changed in place.
        derivation: its description, code and source.
        filled: numbers of the frames that hold filled pixels, from 0.
    """
    for macro in (_DERIVATION, *FRAME_TYPES):
        _move_to_frames(dataset, macro)
    types = set()
    for number, item in enumerate(dataset[GROUP_KEYWORDS[1]].value):
        if number in filled:
            item[_DERIVATION] = DataElement(Tag(_DERIVATION), "SQ", [derivation])
        elif _DERIVATION not in item:
            item[_DERIVATION] = DataElement(Tag(_DERIVATION), "SQ", [])
        for kind in (kind for macro in FRAME_TYPES for kind in item.get(macro) or ()):
            if number in filled:
                kind.FrameType = ["DERIVED", *words(kind, "FrameType")[1:]]
            types.add((*words(kind, "FrameType"), "")[0])
    first = types.pop() if len(types) == 1 else "MIXED"
    dataset.ImageType = [first, *words(dataset, "ImageType")[1:]]
    dataset.ContentQualification = "RESEARCH"


def _move_to_frames(dataset: Dataset, macro: str) -> None:
    """Replace a functional group shared by all frames with a copy in each frame."""
    for shared in dataset.get(GROUP_KEYWORDS[0]) or ():
        if macro in shared:
            for item in dataset[GROUP_KEYWORDS[1]].value:
                item[macro] = deepcopy(shared[macro])
            del shared[macro]


def _flatten(groups: Dataset, flat: Dataset) -> None:
    """Put the attributes of an item's functional groups into a flat dataset."""
    if _REAL_WORLD in groups:
        flat[_REAL_WORLD] = groups[_REAL_WORLD]
    for macro in _MACROS:
        for item in groups.get(macro) or ():
            for element in item:
                flat[element.tag] = element
                if element.keyword in _RENAMED:
                    setattr(flat, _RENAMED[element.keyword], element.value)
            if component := words(item, "ComplexImageComponent"):
                flat.ComplexImageComponent = component[0]
    for macro in _UNASSIGNED:
        for item in groups.get(macro) or ():
            flat.update({element.tag: element for element in item if element.tag not in flat})
