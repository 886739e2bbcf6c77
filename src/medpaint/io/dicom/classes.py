"""Classes of DICOM objects: which are images that can be restored, and how the others are refused."""

from __future__ import annotations

from typing import Final

from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from medpaint.io.dicom.parsing import LABEL_MAP_STORAGE
from medpaint.io.dicom.shown import shown_uid

__all__ = [
    "FRAME_TYPES",
    "IMAGE_CLASSES",
    "MASK_CLASSES",
    "PET_CLASSES",
    "SINGLE_FRAME",
    "class_name",
    "refusal_of",
]

SINGLE_FRAME: Final = {CTImageStorage, MRImageStorage, PositronEmissionTomographyImageStorage}
_MULTI_FRAME: Final = {
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
}

IMAGE_CLASSES: Final = SINGLE_FRAME | _MULTI_FRAME
"""SOP classes of images that can be restored."""

PET_CLASSES: Final = {
    PositronEmissionTomographyImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
}

FRAME_TYPES: Final = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
"""Functional groups that state the type of a frame, one for each modality."""

MASK_CLASSES: Final = {SegmentationStorage, LABEL_MAP_STORAGE, RTStructureSetStorage}
"""SOP classes of masks."""

_NAMES: Final = {LABEL_MAP_STORAGE: "Label Map Segmentation Storage"}
"""Names of classes that pydicom does not know yet."""

_NOT_SUPPORTED: Final = "not supported (CT, MR and PET images are, single-frame or enhanced)"


def class_name(uid: UID) -> str:
    """Return the name of a SOP class; of an unknown one its UID, marked as such."""
    name = _NAMES.get(uid) or shown_uid(uid)
    return f"SOP class {uid}" if name == uid else name


def refusal_of(uid: UID, *, is_image: bool, is_grey: bool) -> str:
    """Return why objects of a class cannot be restored, and the way out; empty if they can.

    Args:
        uid: of the class.
        is_image: whether the object states the size of an image.
        is_grey: whether its pixels have one sample, which is a value.
    """
    name = class_name(uid)
    if uid in MASK_CLASSES:
        return f"{name}: a mask, not a scan; use it with --mask"
    if uid in IMAGE_CLASSES:
        return "" if is_image else f"{name} without an image: no Rows and Columns"
    if not is_image:
        return f"{name}: not an image; choose a series of CT, MR or PET images"
    way_out = (
        "convert a volume of another kind to NIfTI, NRRD or MetaImage"
        if is_grey
        else "colour is not supported in any format"
    )
    return f"{name}: {_NOT_SUPPORTED}; {way_out}"
