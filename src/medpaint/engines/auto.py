"""The engine that picks another by the hole and the time allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.biharmonic import Biharmonic
from medpaint.engines.exemplar import Exemplar, block_count

__all__ = ["ALLOWED_S", "AUTO", "Auto", "Choice", "Effort", "chosen"]

AUTO: Final = "auto"
"""Name of the engine that picks another."""

Effort = Literal["fast", "best"]
"""Whether the time or the quality of a fill comes first."""

ALLOWED_S: Final[dict[Effort, float]] = {"fast": 20.0, "best": 600.0}
"""Seconds that a fill may take by estimate."""

_BLOCK_S: Final = 0.02
"""Seconds for a block of the exemplar engine on two cores; a fixed number, so that a choice can be repeated."""


@dataclass(frozen=True)
class Choice:
    """An engine, and why it was picked.

    Attributes:
        name: row of the table of engines.
        reason: for people; stands in the record.
    """

    name: str
    reason: str


def chosen(name: str, mask: Mask, spacing_mm: Spacing, *, effort: Effort = "fast") -> Choice:
    """Return the engine that fills a mask: the one asked for, or the one that `auto` stands for.

    The exemplar engine came nearest to hidden tissue in nearly all measurements, and is taken unless the hole has
    more blocks than it fills, or than it can fill in the time allowed. The time is estimated from the number of
    blocks, not measured, so the same mask always gets the same engine.

    Args:
        name: row of the table of engines.
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        effort: how much time is allowed, see `ALLOWED_S`.
    """
    if name != AUTO:
        return Choice(name, "as asked")
    blocks = block_count(mask, spacing_mm)
    if blocks == 0:
        return Choice("biharmonic", "auto: the voxels are too large for exemplar")
    if blocks is None:
        return Choice("biharmonic", "auto: the hole is too large for exemplar")
    seconds, allowed = _BLOCK_S * blocks, ALLOWED_S[effort]
    if seconds > allowed:
        reason = f"auto: exemplar would take about {seconds:.0f} s, effort {effort} allows {allowed:.0f} s"
        return Choice("biharmonic", reason)
    return Choice("exemplar", f"auto: the best in nearly all measurements, in about {max(1.0, seconds):.0f} s")


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
        engine = Exemplar() if choice.name == "exemplar" else Biharmonic()
        return engine.fill(image, mask, spacing_mm=spacing_mm, seed=seed)
