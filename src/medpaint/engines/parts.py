"""A mask filled part by part: lost slices and other holes each by an engine of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Progress
from medpaint.core.volume import Volume
from medpaint.engines.choice import AUTO, LEARNED, Chosen, choose
from medpaint.engines.division import SLICES, Part, divided, joined
from medpaint.engines.filling import Filling, fill
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.parameters import FillParameters

__all__ = ["FilledPart", "fill_parts", "parts_of", "values_of"]

_FOR_SLICES: Final = (AUTO, "registered", "linear", *(name for name in LEARNED if NETWORKS[name].for_lost_slices))
"""What fills lost slices otherwise than other holes; every other engine fills a mask as a whole."""


@dataclass(frozen=True, eq=False)
class FilledPart:
    """A filled part of a mask.

    Attributes:
        part: what was filled.
        chosen: the engine.
        filling: what it filled the part with.
    """

    part: Part
    chosen: Chosen
    filling: Filling

    @property
    def voxels(self) -> int:
        """Number of its masked voxels."""
        return int(self.filling.values.shape[1])


def parts_of(volume: Volume, mask: Mask, parameters: FillParameters, void: Mask | None) -> tuple[Part, ...]:
    """Return the parts of a mask that are filled one after the other; the whole mask where one engine fills it.

    Args:
        volume: the scan, at human scale.
        mask: True = fill, (I, J, K).
        parameters: what fills it.
        void: True = outside the image, (I, J, K); None if there is none.
    """
    return divided(volume, mask, void) if parameters.engine in _FOR_SLICES else (Part(None, mask),)


def fill_parts(
    volume: Volume,
    mask: Mask,
    parameters: FillParameters,
    *,
    void: Mask | None = None,
    progress: Progress | None = None,
) -> tuple[FilledPart, ...]:
    """Fill a mask, other holes first and then lost slices, each by the engine that is chosen for it.

    The engine for other holes sees nothing in the lost slices. That for lost slices sees the holes filled, and the
    next known slices on either side, also beyond slices of padding; its error is measured where the scan itself is
    known.

    Args:
        volume: the scan, at human scale.
        mask: True = fill, (I, J, K); not empty.
        parameters: what fills it.
        void: True = outside the image, (I, J, K); None if there is none.
        progress: called with the step and the fraction done.

    Raises:
        UsageError: no such engine, or weights for an engine without a network.
        MedpaintError: an engine failed.
    """
    parts = parts_of(volume, mask, parameters, void)
    done: list[FilledPart] = []
    seen = volume
    for number, part in enumerate(parts):
        if done:
            seen = _with(seen, done[-1])
        outside = joined(void, part.unmeasured)
        chosen = choose(parameters, part.mask, volume.spacing_mm, void=outside, volume=volume)
        filling = fill(
            seen,
            part.mask,
            chosen.engine,
            seed=parameters.seed,
            progress=_of_part(progress, number, len(parts)),
            absent=joined(void, part.absent) if part.kind == SLICES else part.absent,
        )
        done.append(FilledPart(part, chosen, filling))
    return tuple(done)


def values_of(parts: Sequence[FilledPart], mask: Mask) -> FloatArray:
    """Return the intensities of all parts of a mask, (I, J, K), in C order: (N,), the first sample of each."""
    values: FloatArray = parts[0].filling.values[0]
    if len(parts) == 1:
        return values
    values = np.empty(np.count_nonzero(mask), values.dtype)
    for one in parts:
        values[one.part.mask[mask]] = one.filling.values[0]
    return values


def _with(volume: Volume, filled: FilledPart) -> Volume:
    """Return a volume with a part of its mask filled, as it would be stored."""
    mask, data = filled.part.mask, volume.data.copy(order="K")
    data[mask] = volume.encoding.at(mask, volume.shape).encode(filled.filling.values[0])
    return replace(volume, data=data)


def _of_part(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return a listener to the progress of one of several parts."""
    if progress is None or count == 1:
        return progress
    return lambda step, fraction: progress(step, (number + fraction) / count)
