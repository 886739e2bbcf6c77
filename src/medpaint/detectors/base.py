"""The contract of detectors, and what they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

import numpy as np

from medpaint.core.types import Mask

if TYPE_CHECKING:
    from medpaint.detectors.examined import Examined

__all__ = ["SENSITIVITIES", "Detection", "Detector", "Finding", "Limits", "Sensitivity"]

Sensitivity = Literal["low", "normal", "high"]
"""How readily damage is reported: ``low`` misses more of it, ``high`` raises more false alarms."""

SENSITIVITIES: Final[tuple[Sensitivity, ...]] = get_args(Sensitivity)


@dataclass(frozen=True, eq=False)
class Finding:
    """Damage of one kind.

    Attributes:
        kind: what it is, such as ``missing slices``.
        mask: True = damaged, (I, J, K).
        why: one sentence on what gave it away.
        axis: I, J or K for slices; empty otherwise.
        slices: indices of the damaged slices along that axis; empty otherwise.
        score: how certain the detector is, from 0 to 1; of slices, of the most certain one.
        scores: the same for each of `slices`; empty where all are as certain.
        repairable: whether filling the mask repairs the damage. If not, it is reported and never filled.
        detector: row of the table of detectors that it comes from; `detect` puts it in.
        filled: whether its voxels are in the mask of the `Detection`; `detect` puts it in.
    """

    kind: str
    mask: Mask
    why: str
    axis: str = ""
    slices: tuple[int, ...] = ()
    score: float = 1.0
    scores: tuple[float, ...] = ()
    repairable: bool = True
    detector: str = ""
    filled: bool = False

    @property
    def where(self) -> str:
        """The slices, as in ``K 3-5, 9``, or else the box around the mask, as in ``I 3-5, J 0-7, K 9``."""
        if self.axis:
            return f"{self.axis} {_ranges(self.slices)}"
        sides = (np.flatnonzero(self.mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
        return ", ".join(
            f"{axis} {_ranges(range(side[0], side[-1] + 1))}" for axis, side in zip("IJK", sides, strict=True)
        )


@dataclass(frozen=True, eq=False)
class Detection:
    """What one detector, or all of them together, found in a scan.

    Attributes:
        mask: True = to be filled, (I, J, K): the union of the masks of the findings that are repairable and, where
            `detect` was asked, of the detectors that were to be filled.
        findings: the damage by kind; empty if nothing was found.
        warnings: what was seen and left alone, one sentence each.
        refused: why nothing is filled although there is damage to fill; empty otherwise.
    """

    mask: Mask
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    refused: str = ""

    @classmethod
    def of(
        cls, findings: Sequence[Finding], shape: tuple[int, int, int], warnings: Sequence[str] = ()
    ) -> Detection:
        """Return the detection of findings, each repairable one in its mask, in a scan of `shape`."""
        mask = np.zeros(shape, np.bool_)
        for finding in findings:
            if finding.repairable:
                mask |= finding.mask
        return cls(mask, tuple(findings), tuple(warnings))


@dataclass(frozen=True)
class Limits:
    """Values of a statistic from which on it counts as damage, by sensitivity; they fall from low to high."""

    low: float
    normal: float
    high: float

    def at(self, sensitivity: Sensitivity) -> float:
        """Return the limit at a sensitivity."""
        limit: float = getattr(self, sensitivity)
        return limit

    def score(self, value: float) -> float:
        """Return how certain damage is: 0.5 at the normal limit, and 1 far above all of them."""
        return round(float(np.clip(1.0 - 0.5 * self.normal / value, 0.0, 1.0)), 3) if value > 0.0 else 0.0


class Detector(Protocol):
    """Finds damage of one kind."""

    def __call__(self, scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
        """Return what was found.

        Args:
            scan: the scan, (I, J, K), and what has been measured in it; not changed.
            found: True = already known to be damaged, repairable or not, from detectors of higher priority,
                (I, J, K); not changed. Findings do not repeat it.
            sensitivity: how readily damage is reported.
        """
        ...


def _ranges(slices: Sequence[int]) -> str:
    """Return slice numbers briefly: ``3-5, 9``."""
    runs: list[list[int]] = []
    for one in slices:
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
