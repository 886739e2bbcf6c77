"""Damaged slices: what is found of them along each axis, and as what it is reported."""

from __future__ import annotations

from collections.abc import Callable

from medpaint.core.slices import slices_mask
from medpaint.core.types import Array, FloatArray, Mask
from medpaint.detectors.base import Detection, Finding, Limits
from medpaint.detectors.examined import Examined
from medpaint.detectors.stack import Stack

__all__ = ["detection_of", "most_certain", "slices_found"]


def most_certain(scan: Examined, found: Mask, look: Callable[[Stack], Finding | None]) -> Finding | None:
    """Return the finding with the highest score along any axis; None if nothing was found along any.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K); not looked at.
        look: returns what is found along one axis, or None.
    """
    seen = [look(stack.without(found)) for stack in scan.stacks]
    return max((one for one in seen if one is not None), key=lambda one: one.score, default=None)


def slices_found(
    stack: Stack, places: Array, values: FloatArray, limits: Limits, found: Mask, *, kind: str, why: str
) -> Finding:
    """Return whole slices as a finding.

    Args:
        stack: the slices.
        places: which of them are damaged, (D,).
        values: the statistic of every slice, (S,).
        limits: values from which on it counts as damage.
        found: True = known to be damaged, (I, J, K); not part of the finding.
        kind: what the damage is called.
        why: one sentence on what gave it away.
    """
    slices = stack.indices[places]
    i, j, k = found.shape
    mask = slices_mask((i, j, k), stack.axis, slices) & ~found
    scores = tuple(limits.score(float(one)) for one in values[places])
    return Finding(kind, mask, why, "IJK"[stack.axis], tuple(int(index) for index in slices), max(scores), scores)


def detection_of(finding: Finding | None, scan: Examined) -> Detection:
    """Return one finding, or none, as what a detector found."""
    return Detection.of([] if finding is None else [finding], scan.volume.shape)
