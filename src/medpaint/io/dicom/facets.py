"""What tells the volumes of one series apart: echoes, time points, b-values, directions of diffusion, or order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from pydicom import Dataset

from medpaint.io.dicom.parsing import PRIVATE_BLOCKS, numbers, private_numbers, text, words
from medpaint.io.dicom.shown import is_code

__all__ = ["FACET_KEYWORDS", "facets_of", "order_of"]

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
    "ImageOrientationPatient": "orientation",
    "DiffusionGradientOrientation": "gradient",
    "FrameReferenceTime": "frame-reference-time",
    "NominalPercentageOfCardiacPhase": "cardiac-phase",
    "NominalPercentageOfRespiratoryPhase": "respiratory-phase",
    "Units": "units",
}
"""Attributes that distinguish the volumes of one series, and the names used for them."""

_DIRECTIONS: Final = "DiffusionGradientDirectionSequence"
"""Where an enhanced image states the direction of a diffusion gradient."""

_BILLION: Final = 10**9
"""GE adds it to b-values of some sequences."""


class _Private(NamedTuple):
    """Where a vendor keeps numbers of its own: elements of a private block."""

    creator: str
    group: int
    elements: tuple[int, ...]

    def numbers(self, dataset: Dataset) -> tuple[float, ...]:
        """Return the first number of each element, or all of a single one; none where one is absent."""
        found = private_numbers(dataset, *self)
        if len(found) == 1:
            return found[0]
        return tuple(one[0] for one in found) if all(found) else ()


_B_VALUES: Final = (
    _Private("SIEMENS MR HEADER", 0x0019, (0x0C,)),
    _Private("GEMS_PARM_01", 0x0043, (0x39,)),
    _Private("Philips Imaging DD 001", 0x2001, (0x03,)),
)
"""Where vendors state the b-value that DiffusionBValue does not, the first number counting."""

_GRADIENTS: Final = (
    _Private("SIEMENS MR HEADER", 0x0019, (0x0E,)),
    _Private("GEMS_ACQU_01", 0x0019, (0xBB, 0xBC, 0xBD)),
    _Private("Philips MR Imaging DD 001", 0x2005, (0xB0, 0xB1, 0xB2)),
)
"""Where vendors state the direction of the gradient. Only whether two differ matters here, not their axes."""

_IN_COMMENT: Final = re.compile(r"\s*b=[\d.]+\(([-+\d.]+,[-+\d.]+,[-+\d.]+)\)\s*")
"""A direction in ImageComments, where Canon puts it, such as ``b=1500(0.445,0.000,0.895)``."""


def _private_tags() -> set[int]:
    """Return the private tags that are read, in every block that they may be in, with the blocks' creators."""
    tags = set()
    for place in (*_B_VALUES, *_GRADIENTS):
        for block in PRIVATE_BLOCKS:
            tags.add(place.group << 16 | block)
            tags |= {place.group << 16 | block << 8 | element for element in place.elements}
    return tags


_ORDERS: Final[dict[str, tuple[str, ...]]] = {
    "acquisition-number": ("AcquisitionNumber",),
    "acquisition-time": ("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime"),
    "content-time": ("ContentDate", "ContentTime"),
    "image-index": ("ImageIndex",),
    "instance-number": ("InstanceNumber",),
}
"""Attributes that the slices of one position can be ordered by; the last one has to be stated."""

FACET_KEYWORDS: Final[tuple[str | int, ...]] = (
    *_FACETS,
    *(keyword for keywords in _ORDERS.values() for keyword in keywords),
    "ImageComments",
    _DIRECTIONS,
    *sorted(_private_tags()),
)
"""Attributes that facets and orders are made of."""


def facets_of(dataset: Dataset) -> dict[str, str]:
    """Return what distinguishes an image from those of other volumes of its series, by name.

    Of ImageType these are the third and later values, because the first two differ in a derived image. Values are
    shown, so whatever is neither a number nor a code string is left out.
    """
    facets = {name: words(dataset, keyword) for keyword, name in _FACETS.items()}
    facets["image-type"] = facets["image-type"][2:]
    facets["orientation"] = _rounded(numbers(dataset, "ImageOrientationPatient", 6) or ())
    facets["b-value"] = facets["b-value"] or _private_b_value(dataset)
    facets["gradient"] = _rounded(_gradient(dataset))
    return {name: "/".join(filter(is_code, values)) for name, values in facets.items()}


def _private_b_value(dataset: Dataset) -> tuple[str, ...]:
    """Return the b-value in s/mm2 that a vendor's own attribute states."""
    for place in _B_VALUES:
        if found := place.numbers(dataset):
            return (f"{found[0] % _BILLION:g}",)
    return ()


def _gradient(dataset: Dataset) -> Sequence[float]:
    """Return the direction of the diffusion gradient; empty where none is stated."""
    nested: Sequence[Dataset] = dataset.get(_DIRECTIONS) or ()
    for item in (dataset, *nested):
        if stated := numbers(item, "DiffusionGradientOrientation", 3):
            return stated
    for place in _GRADIENTS:
        found = place.numbers(dataset)
        if len(found) == 3:
            return found
    comment = _IN_COMMENT.fullmatch(text(dataset, "ImageComments"))
    return [float(part) for part in comment[1].split(",")] if comment else ()


def _rounded(values: Sequence[float]) -> tuple[str, ...]:
    """Return direction cosines as text, equal where they are equal up to rounding."""
    return tuple(f"{round(value, 3) + 0.0:.3f}" for value in values)


def order_of(dataset: Dataset) -> dict[str, tuple[float, ...]]:
    """Return what the slices of one position can be ordered by; empty where it is not stated.

    Times of day stay in memory: neither messages nor records contain them.
    """
    return {name: _key(dataset, keywords) for name, keywords in _ORDERS.items()}


def _key(dataset: Dataset, keywords: Sequence[str]) -> tuple[float, ...]:
    """Return the values of some attributes as numbers; a combined date and time stands for both."""
    stated = [_digits(text(dataset, keyword)) for keyword in keywords]
    if len(stated) == 3 and stated[0]:
        return (float(stated[0][:8]), float(stated[0][8:] or 0))
    return tuple(float(part or 0) for part in stated[-2:]) if stated[-1] else ()


def _digits(stated: str) -> str:
    """Return the number at the start of a text, such as a date and time before its zone; empty without one."""
    found = re.match(r"\s*(\d+(?:\.\d*)?)", stated)
    return found[1] if found else ""
