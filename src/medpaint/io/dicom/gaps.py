"""Whether a larger step between slices is a gap: what the headers say besides the positions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.io.dicom.headers import Header

__all__ = ["contradiction", "neighbour_of"]

_SAME_LENGTH: Final = 0.1
"""Relative difference up to which a stated length is that of a step."""


def contradiction(headers: Sequence[Header], slots: Sequence[int], step_mm: float) -> str:
    """Return why the larger steps of a stack are not called gaps, naming the steps; empty if they may be.

    Two acquisitions of different spacing look like one with slices missing. Slices are called missing only
    where instance numbers, SpacingBetweenSlices and SliceThickness do not say otherwise. A larger step that
    follows itself is a gap only where the instance numbers skip as many.

    Args:
        headers: of the slices, in order, each at a position of its own.
        slots: index of each slice on the even grid; a larger step skips some.
        step_mm: that of the even grid.
    """
    skips = np.diff(slots)
    if not (skips > 1).any():
        return ""
    verdict = _verdict(headers, skips, step_mm)
    return (
        f"uneven spacing: {_steps(skips, step_mm)}; no slice is called missing, because {verdict}"
        if verdict
        else ""
    )


def neighbour_of(k: int, slots: Sequence[int]) -> int:
    """Return which slice that is there an absent one is modelled on: the nearest, or the first of two.

    Args:
        k: number of a slice in the volume; one that is there is its own neighbour.
        slots: of each slice that is there, its number in the volume, ascending.
    """
    after = min(bisect_left(slots, k), len(slots) - 1)
    before = max(after - 1, 0)
    return after if slots[after] - k < k - slots[before] else before


def _verdict(headers: Sequence[Header], skips: NDArray[np.int64], step_mm: float) -> str:
    """Return what contradicts a gap; empty if nothing does."""
    confirmed = _numbers_skip(headers, skips)
    if confirmed is False:
        return "the instance numbers do not skip as many"
    around = list(_around_gaps(headers, skips, step_mm))
    if any(_is_length(one.spacing_between, gap) for one, gap in around):
        return "SpacingBetweenSlices states the larger step"
    apart = [one for one, skip in zip(headers, skips, strict=False) if skip == 1]
    varies = any(not _is_length(one.thickness, gap) for one in apart for _, gap in around)
    if any(_is_length(one.thickness, gap) for one, gap in around) and (varies or not confirmed):
        return "SliceThickness states the larger step"
    repeated = bool(((skips[1:] == skips[:-1]) & (skips[1:] > 1)).any())
    return "the larger step is repeated" if repeated and not confirmed else ""


def _numbers_skip(headers: Sequence[Header], skips: NDArray[np.int64]) -> bool | None:
    """Return whether instance numbers skip as many as slices seem to be missing; None where they do not tell."""
    numbers = np.array([np.nan if header.number is None else header.number for header in headers])
    if np.isnan(numbers).any() or len(np.unique(numbers)) < len(numbers):
        return None
    steps = np.diff(numbers.astype(np.int64))
    stride = int(np.gcd.reduce(steps))
    if np.ptp(numbers) == stride * len(steps):
        return False
    single = np.unique(steps[skips == 1])
    return bool((steps == single[0] * skips).all()) if len(single) == 1 else None


def _around_gaps(
    headers: Sequence[Header], skips: NDArray[np.int64], step_mm: float
) -> Iterator[tuple[Header, float]]:
    """Yield the slices on both sides of each larger step, each with its length in millimetres."""
    for index in map(int, np.flatnonzero(skips > 1)):
        for header in headers[index : index + 2]:
            yield header, float(skips[index]) * step_mm


def _is_length(stated: float | None, length_mm: float) -> bool:
    """Return whether a stated length is that of a step."""
    return stated is not None and abs(stated - length_mm) <= _SAME_LENGTH * length_mm


def _steps(skips: NDArray[np.int64], step_mm: float) -> str:
    """Return the steps and how often each occurs, the most frequent first."""
    lengths, counts = np.unique(skips, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    named = [
        f"{counts[one]} {'step' if counts[one] == 1 else 'steps'} of {lengths[one] * step_mm:.3f} mm"
        for one in order
    ]
    return " and ".join(named)
