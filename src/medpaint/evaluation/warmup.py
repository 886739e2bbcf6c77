"""Load ahead of time what engines load at their first fill, so that loading does not count as time of a fill."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.engines.base import Hole
from medpaint.engines.choice import Chosen, choose
from medpaint.parameters import FillParameters

__all__ = ["WarmUp"]

_EDGE: Final = 12
"""Edge of the cube that is filled, in voxels: large enough for exemplars, so that every network runs."""


class WarmUp:
    """Fills a small hole with every engine that an evaluation uses, once."""

    def __init__(self) -> None:
        self._warm: set[str] = set()

    def __call__(self, chosen: Chosen) -> None:
        """Have an engine load its packages and weights, unless it already has."""
        if chosen.name not in self._warm:
            chosen.engine.fill(_hole(), seed=0)
            self._warm.add(chosen.name)

    def asked(self, parameters: FillParameters) -> None:
        """Warm up the engine that is chosen for the small hole.

        Raises:
            UsageError: an unknown engine, or one whose package is not installed.
        """
        hole = _hole()
        self(choose(parameters, hole.mask, hole.spacing_mm))


def _hole() -> Hole:
    """Return a lost slice, which every network fills."""
    shape = (_EDGE, _EDGE, _EDGE)
    mask = np.zeros(shape, dtype=bool)
    mask[:, :, _EDGE // 2] = True
    image = np.linspace(0.0, 1.0, mask.size, dtype=np.float32).reshape(shape)
    return Hole(image, mask, (1.0, 1.0, 1.0))
