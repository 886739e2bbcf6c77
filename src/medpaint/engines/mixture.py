"""A fill that is the weighted mean of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, final

import numpy as np

from medpaint.core.types import FloatArray
from medpaint.engines.base import Engine, Fill, Hole

__all__ = ["TOGETHER", "Mixture", "single_fillers"]

TOGETHER: Final = " + "
"""Stands between the names of engines that filled a voxel together."""


def single_fillers(filled_by: Iterable[str]) -> tuple[str, ...]:
    """Return the name of each engine once, also of those that filled voxels together."""
    return tuple(dict.fromkeys(one for names in filled_by for one in names.split(TOGETHER)))


@final
@dataclass(frozen=True)
class Mixture:
    """Adds up the fills of an engine, of those that it starts from, and of others, each times its share.

    Fills that miss the truth in different ways are closer to it together than each alone. A voxel is reported as
    filled by all that have a share in it.

    Attributes:
        engine: what fills, and says what it started from.
        name: the engine's name.
        shares: share of each fill by the name of its engine; they add up to 1.
        others: the other engines with a share, by name; run only if `engine` does not start from their fill.
    """

    engine: Engine
    name: str
    shares: Mapping[str, float]
    others: Mapping[str, Engine] = field(default_factory=dict)

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engines want to see, mm."""
        return max(engine.context_mm for engine in (self.engine, *self.others.values()))

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the weighted mean; see `Engine`.

        Raises:
            ConvergenceError: an engine could not solve its equations.
        """
        fill = self.engine.fill(hole, seed=seed)
        total = np.zeros(fill.values.shape)
        for name, values in self._parts(fill, hole, seed):
            total += self.shares.get(name, 0.0) * values.astype(np.float64)
        fillers = tuple(self._filler(name, fill) for name in fill.fillers)
        return replace(fill, values=total.astype(fill.values.dtype), fillers=fillers, stages={})

    def _parts(self, fill: Fill, hole: Hole, seed: int) -> Iterator[tuple[str, FloatArray]]:
        """Yield all fills by name, (S, N) or (N,)."""
        yield self.name, fill.values
        yield from fill.stages.items()
        for name, engine in self.others.items():
            if name not in fill.stages:
                yield name, engine.fill(hole, seed=seed).values

    def _filler(self, name: str, fill: Fill) -> str:
        """Return the names of all that have a share in the voxels that the engine reports as filled by `name`.

        What it starts from there, and whatever comes before that, gave the same values.
        """
        chain = [self.name, *reversed(tuple(fill.stages))]
        same = chain[: chain.index(name) + 1] if name in chain else [self.name]
        names = [name if one in same else one for one in self.shares if self.shares[one] > 0.0]
        return TOGETHER.join(dict.fromkeys(names))
