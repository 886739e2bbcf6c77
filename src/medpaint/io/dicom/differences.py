"""Facts about pixels that differ between the slices of a volume: kept for each slice, and reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medpaint.core.encoding import Encoding, Padding
from medpaint.io.dicom.assessment import Assessment
from medpaint.io.dicom.gaps import neighbour_of
from medpaint.io.dicom.headers import Header

__all__ = ["difference_warnings", "encoding_of"]


def encoding_of(assessment: Assessment) -> Encoding:
    """Return the encoding of a series: scaling and padding of all slices or, where they differ, of each."""
    headers, first = assessment.headers, assessment.headers[0]
    beside = [neighbour_of(k, assessment.slots) for k in range(assessment.slots[-1] + 1)]
    slopes = np.array([header.scaling.slope for header in headers])
    intercepts = np.array([header.scaling.intercept for header in headers])
    if np.ptp(slopes) or np.ptp(intercepts):
        slopes, intercepts = slopes[beside].reshape(1, 1, -1), intercepts[beside].reshape(1, 1, -1)
    else:
        slopes, intercepts = slopes[0], intercepts[0]
    padding = _padding([headers[number] for number in beside])
    return Encoding.of(first.dtype, slope=slopes, intercept=intercepts, limits=first.limits, padding=padding)


def difference_warnings(headers: Sequence[Header]) -> tuple[str, ...]:
    """Return warnings about padding and rescaling that only some slices state, or state differently."""
    return (*_padding_warnings(headers), *_rescale_warnings(headers))


def _padding(headers: Sequence[Header]) -> Padding | None:
    """Return the padding of all slices, or that of each, (1, 1, K), from the header of each."""
    ranges = {header.padding for header in headers}
    if len(ranges) == 1:
        return ranges.pop()
    by_slice = np.array([header.padding or (np.nan, np.nan) for header in headers], np.float64)
    return by_slice[:, 0].reshape(1, 1, -1), by_slice[:, 1].reshape(1, 1, -1)


def _padding_warnings(headers: Sequence[Header]) -> list[str]:
    """Return warnings about padding that differs between slices."""
    stated = [header.padding for header in headers if header.padding is not None]
    warnings = []
    if 0 < len(stated) < len(headers):
        count = _counted(len(headers) - len(stated), len(headers))
        warnings.append(f"{count} no PixelPaddingValue: nothing there is taken for padding")
    if len(set(stated)) > 1:
        warnings.append(f"the slices have {len(set(stated))} different padding values: each keeps its own")
    return warnings


def _rescale_warnings(headers: Sequence[Header]) -> list[str]:
    """Return warnings where only some slices state how stored values become intensities, or not all of it."""
    rescaled = [header.scaling for header in headers if header.scaling.is_rescaled]
    both = "RescaleSlope and RescaleIntercept: stored values are used as intensities there"
    without = (
        (len(headers) - len(rescaled), len(headers), both),
        (sum(not one.has_slope for one in rescaled), len(rescaled), "RescaleSlope: 1 is used there"),
        (sum(not one.has_intercept for one in rescaled), len(rescaled), "RescaleIntercept: 0 is used there"),
    )
    return [f"{_counted(count, of)} no {what}" for count, of, what in without if 0 < count < of]


def _counted(count: int, of: int) -> str:
    """Return how many of the slices state something, as the start of a sentence."""
    return f"{count} of {of} slices {'states' if count == 1 else 'state'}"
