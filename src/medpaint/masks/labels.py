"""Conversion of a mask image's values to a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from medpaint.core.errors import AmbiguousError, MaskError
from medpaint.core.types import Array, Mask

__all__ = ["binarised"]

_LONG: Final = 1e15
"""Larger whole numbers are shown with an exponent."""


def binarised(values: Array, labels: Sequence[int] = (), *, invert: bool = False) -> Mask:
    """Return which voxels of a mask image are to be repaired.

    Args:
        values: the mask image's values, any shape.
        labels: which labels to repair; if empty, all that is not 0, which has to be a single value.
        invert: repair everything else instead (for masks drawn black = repair).

    Raises:
        MaskError: NaN, infinity or fractional values in the mask, or a label that does not occur.
        AmbiguousError: several labels, and no choice.
    """
    if values.dtype.kind not in "biuf":
        message = f"expected a mask of numbers, got {values.dtype}"
        raise MaskError(message)
    drawn: Mask = values != 0
    present = np.unique(values.ravel("K")[drawn.ravel("K")])
    if not np.isfinite(present).all():
        message = f"mask has {int(np.count_nonzero(~np.isfinite(values)))} voxels that are NaN or infinite"
        raise MaskError(message)
    if labels:
        drawn = _chosen(values, present if drawn.all() else np.append(0, present), labels)
    elif present.size > 1 or (present.size and present[0] != np.rint(present[0])):
        _refuse_several(values, present)
    return np.logical_not(drawn, out=drawn) if invert else drawn


def _chosen(values: Array, present: Array, labels: Sequence[int]) -> Mask:
    """Return where `values` is one of `labels`; each of them has to occur."""
    absent = sorted(set(labels) - {float(value) for value in present})
    if absent:
        found = ", ".join(map(_shown, present[:20]))
        message = f"mask has no label {', '.join(map(str, absent))}; it has {found}"
        raise MaskError(message)
    return np.isin(values, np.array(sorted(set(labels)), values.dtype))


def _refuse_several(values: Array, nonzero: Array) -> None:
    """Refuse a mask with several labels or with fractions."""
    if not np.array_equal(nonzero, np.rint(nonzero)):
        fractional = int(np.count_nonzero(values != np.rint(values)))
        one = _shown(nonzero[nonzero != np.rint(nonzero)][0])
        message = (
            f"mask has {fractional} fractional values, such as {one}; "
            "expected 0 and 1, or whole labels: threshold it first"
        )
        raise MaskError(message)
    shown = ", ".join(map(_shown, nonzero[:20])) + (", ..." if nonzero.size > 20 else "")
    message = f"mask has {nonzero.size} labels ({shown}); choose with --labels"
    raise AmbiguousError(message)


def _shown(value: np.generic) -> str:
    """Return a value with all its digits, a whole one without a point."""
    number = value.item()
    if not isinstance(number, float):
        return str(int(number))
    return str(int(number)) if number.is_integer() and abs(number) < _LONG else str(value)
