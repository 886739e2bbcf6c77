"""A fill that is the weighted mean of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Mask
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
        others = {
            name: engine.fill(hole, seed=seed) for name, engine in self.others.items() if name not in fill.stages
        }
        parts = {self.name: fill.values, **fill.stages, **{name: one.values for name, one in others.items()}}
        total = np.zeros(fill.values.shape)
        for name, share in self.shares.items():
            total += share * parts[name].astype(np.float64)
        fillers, filled_by = self._fillers(fill, others)
        values = total.astype(fill.values.dtype)
        return replace(fill, values=values, fillers=fillers, filled_by=filled_by, stages={})

    def _fillers(self, fill: Fill, others: Mapping[str, Fill]) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
        """Return the names of what filled voxels together, and which of them filled each voxel, (N,)."""
        same = [one.astype(np.uint8) for one in _left(fill)]
        by = np.stack([fill.filled_by, *(one.filled_by for one in others.values()), *same])
        codes = np.ravel_multi_index(tuple(by.astype(np.intp)), tuple(by.max(axis=1) + 1))
        _, first, number = np.unique(codes, return_index=True, return_inverse=True)
        names = [self._together(fill, others, by[:, one].tolist()) for one in first]
        fillers = tuple(dict.fromkeys(names))
        places = np.array([fillers.index(name) for name in names], dtype=np.uint8)
        return fillers, places[number]

    def _together(self, fill: Fill, others: Mapping[str, Fill], by: list[int]) -> str:
        """Return the names of all with a share in voxels.

        What the engine starts from there, and whatever comes before that, gave the same values. A stage that has
        the value of the one before it left the voxel to that.

        Args:
            fill: the engine's.
            others: those of the other engines, by name.
            by: which of their fillers each of these says filled the voxels, then whether each stage after the
                first has the values of the one before it.
        """
        own = fill.fillers[by[0]]
        chain = [self.name, *reversed(tuple(fill.stages))]
        same = chain[: chain.index(own) + 1] if own in chain else [self.name]
        others_by, left_by = by[1 : 1 + len(others)], by[1 + len(others) :]
        theirs = {name: one.fillers[place] for (name, one), place in zip(others.items(), others_by, strict=True)}
        for (before, stage), left in zip(pairwise(fill.stages), left_by, strict=True):
            if left:
                theirs[stage] = theirs.get(before, before)
        names = [own if one in same else theirs.get(one, one) for one in self.shares if self.shares[one] > 0.0]
        return TOGETHER.join(dict.fromkeys(names))


def _left(fill: Fill) -> list[Mask]:
    """Return where each stage of a fill but the first has the value of the one before it, (N,) each."""
    return [fill.stages[stage] == fill.stages[before] for before, stage in pairwise(fill.stages)]
