"""Services of DIMSE, storage classes, transfer syntaxes, and keys of a series (DICOM PS3.4, PS3.6)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

__all__ = ["CLASSES", "FIND", "GET", "MOVE", "OF_SERIES", "SYNTAXES", "context_of"]

FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
"""Study root information models: a query for series names their study (DICOM PS3.4, C.6.2)."""

CLASSES: Final = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # legacy converted enhanced CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.4.1",  # enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4",  # legacy converted enhanced MR
    "1.2.840.10008.5.1.4.1.1.66.4",  # segmentation
    "1.2.840.10008.5.1.4.1.1.481.3",  # structure set
)
"""Storage classes that medpaint reads, and so fetches."""

SYNTAXES: Final = (
    "1.2.840.10008.1.2.1",  # explicit little endian
    "1.2.840.10008.1.2",  # implicit little endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201",  # high-throughput JPEG 2000 lossless
    "1.2.840.10008.1.2.4.203",  # high-throughput JPEG 2000
)
"""Each is proposed in a context of its own, so that instances come as stored; an association has room for 128."""

OF_SERIES: Final = frozenset(
    {
        "Modality",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "ProtocolName",
        "BodyPartExamined",
        "Laterality",
        "Manufacturer",
        "ManufacturerModelName",
        "InstitutionName",
        "StationName",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
    }
)
"""Keys at the level of a series; all others are at the level of its study."""


def context_of(abstract: str, *syntaxes: str) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return a presentation context: what to exchange, and in which transfer syntaxes."""
    build: Callable[..., Any] = import_module("pynetdicom").build_context
    return build(abstract, list(syntaxes))
