"""From a severity between 0 and 1 to the sizes that an artefact has."""

from __future__ import annotations

__all__ = ["between", "count_between"]


def between(subtle: float, gross: float, severity: float) -> float:
    """Return the size at a severity, from 0 (`subtle`) to 1 (`gross`); equal steps multiply it equally."""
    return float(subtle * (gross / subtle) ** severity)


def count_between(subtle: int, gross: int, severity: float) -> int:
    """Return a number of things at a severity, likewise, rounded."""
    return round(between(subtle, max(subtle, gross), severity))
