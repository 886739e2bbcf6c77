"""Kinds of holes, as a user names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medpaint.core.errors import UsageError
from medpaint.corrupt import Kind, LesionShape, kinds

__all__ = ["HoleKind", "hole_kinds"]


@dataclass(frozen=True)
class HoleKind:
    """Holes of one kind and one range of sizes.

    Attributes:
        name: row of `medpaint.corrupt.holes.kinds`.
        limits: smallest and largest size, in the kind's unit.
        unit: ``ml`` or ``slices``.
    """

    name: str
    limits: tuple[float, float]
    unit: str

    @property
    def bin(self) -> str:
        """The range as text, such as ``8-15 ml``."""
        low, high = (f"{limit:g}" for limit in self.limits)
        return f"{low} {self.unit}" if low == high else f"{low}-{high} {self.unit}"


def hole_kinds(words: Sequence[str], shapes: Sequence[LesionShape] = ()) -> tuple[HoleKind, ...]:
    """Return the kinds of holes that `words` name.

    Args:
        words: ``NAME`` for the ranges of the table, ``NAME:LOW-HIGH`` or ``NAME:SIZE``; empty for the whole table.
        shapes: lesions for the kind ``lesion``.

    Raises:
        UsageError: an unknown kind, or an impossible size.
    """
    table = kinds(shapes)
    found: list[HoleKind] = []
    for word in words or table:
        name, _, sizes = word.partition(":")
        if name not in table:
            hint = "; lesion needs masks of lesions, see --lesions" if name == "lesion" else ""
            message = f"expected a kind of hole, one of {', '.join(table)}, got {name!r}{hint}"
            raise UsageError(message)
        ranges = (_limits(word, sizes, table[name]),) if sizes else table[name].ranges
        found += [HoleKind(name, limits, table[name].unit) for limits in ranges]
    return tuple(dict.fromkeys(found))


def _limits(word: str, sizes: str, kind: Kind) -> tuple[float, float]:
    """Return the range that ``LOW-HIGH`` or ``SIZE`` means."""
    low, _, high = sizes.partition("-")
    try:
        limits = float(low), float(high or low)
    except ValueError:
        limits = (np.nan, np.nan)
    whole = kind.unit == "ml" or all(limit.is_integer() for limit in limits)
    if not (0.0 < limits[0] <= limits[1] < np.inf and whole):
        message = f"expected NAME:LOW-HIGH with sizes in {kind.unit}, such as {_example(word, kind)}, got {word!r}"
        raise UsageError(message)
    return limits


def _example(word: str, kind: Kind) -> str:
    """Return an example of a kind with sizes, for a message."""
    low, high = kind.ranges[0]
    return f"{word.partition(':')[0]}:{low:g}-{high:g}"
