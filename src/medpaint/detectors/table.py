"""The table of detectors. Reading it loads none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from medpaint.detectors.base import Detector

__all__ = ["DETECTORS", "DetectorInfo", "load_detector"]


@dataclass(frozen=True)
class DetectorInfo:
    """What is known about a detector before it is loaded.

    Attributes:
        target: ``module:function``; the function is a `Detector`.
        summary: one line for people.
    """

    target: str
    summary: str


DETECTORS: Final[Mapping[str, DetectorInfo]] = MappingProxyType(
    {
        "missing": DetectorInfo(
            target="medpaint.detectors.missing:missing_slices",
            summary="slices without an image inside the body",
        ),
        "nonfinite": DetectorInfo(
            target="medpaint.detectors.nonfinite:nonfinite_voxels",
            summary="NaN and infinite voxels inside the scan",
        ),
    }
)
"""All detectors, in the order in which they run: each is given what those before it found."""


def load_detector(name: str) -> Detector:
    """Return the detector `name`, a row of the table."""
    module, _, attribute = DETECTORS[name].target.partition(":")
    return cast("Detector", getattr(import_module(module), attribute))
