"""How the stored values of an image become intensities: rescaling, real-world values, unit and padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydicom import Dataset

from medpaint.io.codecs.codestream import value_limits
from medpaint.io.dicom.parsing import integer, numbers, stored_values, text
from medpaint.io.dicom.shown import shown_unit

__all__ = ["Scaling", "padding_of", "scaling_of"]

_UNITS: Final = {
    "CNTS": "{counts}",
    "CM2": "cm2",
    "CM2ML": "cm2/ml",
    "PCNT": "%",
    "CPS": "{counts}/s",
    "BQML": "Bq/ml",
    "MGMINML": "mg/min/ml",
    "UMOLMINML": "umol/min/ml",
    "MLMING": "ml/min/g",
    "MLG": "ml/g",
    "1CM": "/cm",
    "UMOLML": "umol/ml",
    "PROPCNTS": "{propcounts}",
    "PROPCPS": "{propcounts}/s",
    "MLMINML": "ml/min/ml",
    "MLML": "ml/ml",
    "GML": "g/ml",
}
"""Units (0054,1001) of PET to the Unified Code for Units of Measure (DICOM PS3.3 C.8.9.1.1.3, PS3.16 CID 84)."""

_SUV_TYPES: Final = {
    "BW": "{SUVbw}",
    "LBM": "{SUVlbm}",
    "LBMJAMES128": "{SUVlbm(James128)}",
    "LBMJANMA": "{SUVlbm(Janma)}",
    "BSA": "{SUVbsa}",
    "IBW": "{SUVibw}",
}
"""SUVType to the annotation of the unit (DICOM PS3.16 CID 85)."""


@dataclass(frozen=True)
class Scaling:
    """The rule ``intensity = stored * slope + intercept``.

    Attributes:
        slope: factor from stored value to intensity.
        intercept: added to that.
        unit: of the result, in the Unified Code for Units of Measure; empty where not stated.
        has_real_world: whether slope and intercept come from a real-world value mapping.
        is_rescaled: whether they are stated at all.
        has_slope: whether the slope is.
        has_intercept: whether the intercept is.
    """

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    has_real_world: bool = False
    is_rescaled: bool = False
    has_slope: bool = False
    has_intercept: bool = False


def scaling_of(dataset: Dataset) -> Scaling:
    """Return how stored values become intensities.

    By the rescaling (DICOM PS3.3 C.11.1); without one, by the real-world value mapping if a single line covers all
    stored values (C.7.6.16.2.11); without either, stored values are intensities. The unit of rescaled values is
    that of PET, or of a real-world value mapping that is the same line.
    """
    slope, intercept = numbers(dataset, "RescaleSlope", 1), numbers(dataset, "RescaleIntercept", 1)
    line = _real_world(dataset)
    is_stated = "RescaleSlope" in dataset or "RescaleIntercept" in dataset
    if slope is None and intercept is None:
        return line or Scaling(is_rescaled=is_stated)
    stated = (slope or (1.0,))[0], (intercept or (0.0,))[0]
    unit = line.unit if line and stated == (line.slope, line.intercept) else ""
    return Scaling(
        *stated,
        unit=_pet_unit(dataset) or unit,
        is_rescaled=is_stated,
        has_slope=slope is not None,
        has_intercept=intercept is not None,
    )


def _pet_unit(dataset: Dataset) -> str:
    """Return the unit of PET, as Units and SUVType state it; body weight is the type where none is stated."""
    unit = _UNITS.get(text(dataset, "Units"), "")
    if unit == "g/ml":
        return unit + _SUV_TYPES.get(text(dataset, "SUVType") or "BW", "")
    return unit + _SUV_TYPES["BSA"] if text(dataset, "SUVType") == "BSA" and unit == "cm2/ml" else unit


def _real_world(dataset: Dataset) -> Scaling | None:
    """Return the scaling by real-world values; None unless a single line covers all stored values."""
    mappings: Sequence[Dataset] = dataset.get("RealWorldValueMappingSequence") or ()
    if len(mappings) != 1:
        return None
    line = mappings[0]
    slope, intercept = numbers(line, "RealWorldValueSlope", 1), numbers(line, "RealWorldValueIntercept", 1)
    if not (slope and intercept and slope[0] and _is_for_all(line, dataset)):
        return None
    units = [one for one in line.get("MeasurementUnitsCodeSequence") or () if _is_unit(one)]
    unit = shown_unit(text(units[0], "CodeValue") or text(units[0], "LongCodeValue")) if units else ""
    return Scaling(
        slope[0],
        intercept[0],
        unit,
        has_real_world=True,
        is_rescaled=True,
        has_slope=True,
        has_intercept=True,
    )


def _is_for_all(line: Dataset, dataset: Dataset) -> bool:
    """Return whether a real-world value mapping covers all stored values that the bits can hold."""
    signed = integer(dataset, "PixelRepresentation", 0)
    lowest, highest = value_limits(integer(dataset, "BitsStored", 0), signed=bool(signed))
    first = stored_values(line, "RealWorldValueFirstValueMapped", signed) or (lowest,)
    last = stored_values(line, "RealWorldValueLastValueMapped", signed) or (highest,)
    return first[0] <= lowest and highest <= last[0]


def _is_unit(code: Dataset) -> bool:
    """Return whether a code belongs to the Unified Code for Units of Measure, and is not free text."""
    return text(code, "CodingSchemeDesignator") == "UCUM"


def padding_of(dataset: Dataset) -> tuple[float, float] | None:
    """Return the range of padding values (DICOM PS3.3 C.7.5.1.1.2); None without any."""
    signed = integer(dataset, "PixelRepresentation", 0)
    value = stored_values(dataset, "PixelPaddingValue", signed)
    if value is None:
        return None
    limit = stored_values(dataset, "PixelPaddingRangeLimit", signed) or value
    return min(*value, *limit), max(*value, *limit)
