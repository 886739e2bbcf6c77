"""The contract of detectors, and what they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from medpaint.core.types import Mask
from medpaint.core.volume import Volume

__all__ = ["Detection", "Detector", "Finding"]


@dataclass(frozen=True, eq=False)
class Finding:
    """Damage of one kind.

    Attributes:
        kind: what it is, such as ``missing slices``.
        mask: True = damaged, (I, J, K).
        why: one sentence on what gave it away.
        axis: I, J or K for slices; empty otherwise.
        slices: indices of the damaged slices along that axis; empty otherwise.
        score: how certain the detector is, from 0 to 1.
    """

    kind: str
    mask: Mask
    why: str
    axis: str = ""
    slices: tuple[int, ...] = ()
    score: float = 1.0


@dataclass(frozen=True, eq=False)
class Detection:
    """What one detector, or all of them together, found in a scan.

    Attributes:
        mask: True = damaged, (I, J, K): the union of the findings' masks.
        findings: the damage by kind; empty if nothing was found.
        warnings: what was seen and left alone, one sentence each.
    """

    mask: Mask
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()


class Detector(Protocol):
    """Finds damage of one kind."""

    def __call__(self, scan: Volume, found: Mask) -> Detection:
        """Return what was found.

        Args:
            scan: the scan, (I, J, K); not changed.
            found: True = already known to be damaged, from detectors of higher priority, (I, J, K); not changed.
                Findings do not repeat it.
        """
        ...
