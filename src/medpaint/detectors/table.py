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
        least_ml: smaller parts of what it finds are left out.
        fills: whether its findings are filled by default; what others find is reported only.
    """

    target: str
    summary: str
    least_ml: float = 0.0
    fills: bool = False


DETECTORS: Final[Mapping[str, DetectorInfo]] = MappingProxyType(
    {
        "missing": DetectorInfo(
            target="medpaint.detectors.missing:missing_slices",
            summary="slices without an image inside the body",
            fills=True,
        ),
        "nonfinite": DetectorInfo(
            target="medpaint.detectors.nonfinite:nonfinite_voxels",
            summary="NaN and infinite voxels inside the scan",
            fills=True,
        ),
        "block": DetectorInfo(
            target="medpaint.detectors.block:missing_blocks",
            summary="boxes of one value inside the body",
            fills=True,
        ),
        "metal": DetectorInfo(
            target="medpaint.detectors.metal:metal",
            summary="metal in CT, and its streaks",
        ),
        "stripe": DetectorInfo(
            target="medpaint.detectors.stripe:stripe",
            summary="every second slice of a run brighter or darker",
        ),
        "dropout": DetectorInfo(
            target="medpaint.detectors.dropout:dropout",
            summary="slices that lost signal",
        ),
        "spike": DetectorInfo(
            target="medpaint.detectors.spike:spike",
            summary="slices with herringbone, from spikes in k-space",
        ),
        "zipper": DetectorInfo(
            target="medpaint.detectors.zipper:zipper",
            summary="dotted lines through a run of slices",
        ),
        "noise": DetectorInfo(
            target="medpaint.detectors.noise:noise",
            summary="slices and parts with noise far above the rest",
        ),
        "saturation": DetectorInfo(
            target="medpaint.detectors.saturation:saturation",
            summary="regions of clipped intensity",
            least_ml=0.1,
        ),
    }
)
"""All detectors, in the order in which they run: each is given what those before it found."""


def load_detector(name: str) -> Detector:
    """Return the detector `name`, a row of the table."""
    module, _, attribute = DETECTORS[name].target.partition(":")
    return cast("Detector", getattr(import_module(module), attribute))
