"""What an evaluation does with each scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medpaint.corrupt import LesionShape
from medpaint.engines.choice import FOREIGN
from medpaint.evaluation.kinds import HoleKind
from medpaint.parameters import FillParameters, Parameters

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What is done with each scan.

    Attributes:
        engines: what fills the holes: rows of the table of engines, or ``auto``.
        kinds: which kinds of holes are made.
        holes: how many holes of each kind are made in a scan.
        seed: decides the holes, and is passed to the engines.
        shapes: lesions for the kind ``lesion``.
        membrane: close the gap at the border of each fill, like the parameter of that name.
        effort: whether speed or quality comes first, like the parameter of that name.
        network: description of the user's own network, for the engine monai.
        excluded: persons and hashes that must not be scored, such as those of the training.
    """

    engines: tuple[str, ...]
    kinds: tuple[HoleKind, ...]
    holes: int = 1
    seed: int = 0
    shapes: Sequence[LesionShape] = ()
    membrane: bool = False
    effort: Literal["fast", "best"] = "fast"
    network: str = ""
    excluded: frozenset[str] = frozenset()

    def fill(self, engine: str) -> FillParameters:
        """Return the parameters of restoration that stand for an engine in this plan.

        Raises:
            UsageError: the name or the seed cannot be a parameter.
        """
        given: dict[str, Any] = {"engine": engine, "effort": self.effort, "seed": self.seed}
        given |= {"membrane": self.membrane, "network": self.network if engine == FOREIGN else ""}
        return Parameters.of(given).fill
