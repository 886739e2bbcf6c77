"""The engine that picks another by the hole, the voxels and the time allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, final

import numpy as np
from pydantic import JsonValue

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.exemplar.engine import Exemplar, expected_seconds
from medpaint.engines.learned.gaps import lost_axis
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.registry import load_engine

__all__ = ["ALLOWED_S", "AUTO", "LEARNED", "Auto", "Choice", "Effort", "chosen", "options_for"]

AUTO: Final = "auto"
"""Name of the engine that picks another."""

LEARNED: Final = tuple(NETWORKS)
"""Engines that start from another fill and let a network correct it."""

Effort = Literal["fast", "best"]
"""Whether the time or the quality of a fill comes first."""

ALLOWED_S: Final[dict[Effort, float]] = {"fast": 20.0, "best": 600.0}
"""Seconds that a fill may take by estimate."""

_PACE: Final[dict[Effort, Pace]] = {"fast": "brisk", "best": "thorough"}

_GAP_VOXEL_S: Final = 2e-5
"""Seconds that a voxel of lost slices takes on two cores, rather too many than too few."""

_THICK: Final = 2.5
"""Voxels this many times longer than wide are filled slice by slice."""


@dataclass(frozen=True)
class Choice:
    """An engine, and why it was picked.

    Attributes:
        name: row of the table of engines.
        reason: for people; stands in the record.
        options: what the engine is made with.
    """

    name: str
    reason: str
    options: dict[str, JsonValue] = field(default_factory=dict)


def chosen(name: str, mask: Mask, spacing_mm: Spacing, *, effort: Effort = "fast") -> Choice:
    """Return the engine that fills a mask: the one asked for, or the one that `auto` stands for.

    Lost slices go to the network for them. In other holes a network on quick exemplars comes about as near to
    hidden tissue as the exemplar engine, in large holes in half the time. It is taken unless a hole is too large
    for exemplars, or they take more time than is allowed. The time is estimated from the mask, not measured, so
    the same mask always gets the same engine.

    Args:
        name: row of the table of engines.
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        effort: how much time is allowed, see `ALLOWED_S`.
    """
    pace = _PACE[effort]
    if name != AUTO:
        return Choice(name, _as_asked(name, mask), options_for(name, effort))
    allowed = ALLOWED_S[effort]
    seconds = expected_seconds(mask, spacing_mm, pace)
    if seconds == 0.0:
        return Choice("biharmonic", "auto: the voxels are too large to learn from")
    if lost_axis(mask) is not None and np.count_nonzero(mask) * _GAP_VOXEL_S <= allowed:
        return Choice("resnet2d", "auto: lost slices", options_for("resnet2d", effort))
    if seconds is None:
        return Choice("biharmonic", "auto: the hole is too large to learn from the rest of the scan")
    if seconds > allowed:
        reason = f"auto: exemplars would take about {seconds:.0f} s, effort {effort} allows {allowed:.0f} s"
        return Choice("biharmonic", reason)
    in_plane = sorted(spacing_mm)[1]
    thick = 1 in mask.shape or max(spacing_mm) > _THICK * in_plane
    picked, why = ("unet2d", "thick slices, ") if thick else ("unet3d", "")
    return Choice(
        picked, f"auto: {why}exemplars are found in about {max(1.0, seconds):.0f} s", options_for(picked, effort)
    )


def _as_asked(name: str, mask: Mask) -> str:
    """Return the reason for an engine that was asked for, and what it leaves to another."""
    if name in LEARNED and NETWORKS[name].for_lost_slices and lost_axis(mask) is None:
        return "as asked; what is no gap of lost slices is filled as biharmonic does"
    return "as asked"


def options_for(name: str, effort: Effort) -> dict[str, JsonValue]:
    """Return the options of an engine that an effort stands for."""
    if name == AUTO:
        return {"effort": effort}
    if name not in LEARNED:
        return {}
    flips = effort == "best"
    return {"flips": flips} if NETWORKS[name].for_lost_slices else {"pace": _PACE[effort], "flips": flips}


@final
@dataclass(frozen=True)
class Auto:
    """Fills the holes of a crop by the engine that `chosen` picks for them.

    Attributes:
        effort: how much time is allowed.
    """

    effort: Effort = "fast"

    @property
    def context_mm(self) -> float:
        """What the most demanding of the engines wants to see."""
        return Exemplar.context_mm

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`."""
        choice = chosen(AUTO, mask, spacing_mm, effort=self.effort)
        engine = load_engine(choice.name, **choice.options)
        return engine.fill(image, mask, spacing_mm=spacing_mm, seed=seed)
