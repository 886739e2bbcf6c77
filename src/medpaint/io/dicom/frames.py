"""Multi-frame images: what their functional groups say of each frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom import Dataset, FileDataset

from medpaint.io.dicom.parsing import integer, words

__all__ = ["GROUP_KEYWORDS", "frame_datasets", "group_items"]

GROUP_KEYWORDS: Final = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""Where an enhanced image says what holds for all frames, and for each (DICOM PS3.3 C.7.6.16)."""

_MACROS: Final = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "MREchoSequence",
    "MRDiffusionSequence",
    "MRTimingAndRelatedParametersSequence",
    "CardiacSynchronizationSequence",
)
"""Functional groups whose attributes a single-frame image has at its top level (DICOM PS3.3 C.7.6.16.2)."""

_RENAMED: Final = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "FrameAcquisitionNumber": "AcquisitionNumber",
}
"""Attributes of a frame to those that say the same of a single-frame image."""


def frame_datasets(dataset: FileDataset) -> Iterator[Dataset]:
    """Yield for each frame what a single-frame image would say of itself.

    Raises:
        ValueError: there are not as many functional groups as frames.
    """
    frames = integer(dataset, "NumberOfFrames", 1)
    per_frame = dataset.get(GROUP_KEYWORDS[1])
    if not per_frame:
        for _ in range(frames):
            yield dataset
        return
    if len(per_frame) != frames:
        message = f"expected functional groups of {frames} frames, got {len(per_frame)}"
        raise ValueError(message)
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


def group_items(dataset: Dataset, macro: str) -> Iterator[Dataset]:
    """Yield the items of a functional group, those for all frames first."""
    for keyword in GROUP_KEYWORDS:
        for groups in dataset.get(keyword) or ():
            yield from groups.get(macro) or ()


def _flatten(groups: Dataset, flat: Dataset) -> None:
    """Put the attributes of an item's functional groups into a flat dataset."""
    for macro in _MACROS:
        for item in groups.get(macro) or ():
            for element in item:
                flat[element.tag] = element
                if element.keyword in _RENAMED:
                    setattr(flat, _RENAMED[element.keyword], element.value)
            if component := words(item, "ComplexImageComponent"):
                flat.ComplexImageComponent = component[0]
