"""Engines compared on known voxels of the scan that is to be restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.errors import MaskError
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine
from medpaint.engines.filling import fill
from medpaint.engines.gaps import gap_axes
from medpaint.engines.registry import load_engine
from medpaint.engines.shams.base import Sham
from medpaint.engines.shams.holes import hidden_holes
from medpaint.engines.shams.slices import hidden_slices
from medpaint.engines.stacking import shares_of

__all__ = ["Trial", "ask"]

_Floats = NDArray[np.float64]

_TILE_MM: Final = 8.0
"""Edge of the cubes whose errors count as independent of each other."""

_GROWTH: Final = 0.75
"""Power of a hole's size along one axis that its error grows with, measured in heads, limbs and trunks."""

_FEWEST: Final = 50
"""Hidden voxels of tissue below which nothing is concluded."""

_LEAST_SHARE: Final = 0.05
"""Share in the mean below which an engine is left out."""

_FOR_HOLES: Final = ("harmonic",)
"""What is compared in holes, besides an engine and what it starts from."""

_FOR_SLICES: Final = ("linear",)
"""What is compared in lost slices, besides an engine and what it starts from."""


@dataclass(frozen=True)
class Trial:
    """How close engines came to known voxels that were hidden from them.

    Attributes:
        errors: root mean square error by engine, in the units of the scan; the engine that was asked about first.
        voxels: number of hidden voxels of tissue.
        shares: share of each engine in the weighted mean that comes closest to them, largest first; they add up
            to 1, and engines without a share are left out.
        expected_error: root mean square error that such a mean is expected to make in the mask, whose holes may be
            larger than what was hidden.
    """

    errors: Mapping[str, float]
    voxels: int
    shares: Mapping[str, float]
    expected_error: float

    @property
    def best(self) -> str:
        """The engine that came closest."""
        return min(self.errors, key=self.errors.__getitem__)


@dataclass(frozen=True, eq=False)
class _Missed:
    """By how much engines miss the voxels of a sham.

    Attributes:
        misses: filled less true intensities, (N,) by name.
        tile: number of the cube that each voxel lies in, (N,).
    """

    misses: Mapping[str, _Floats]
    tile: NDArray[np.int64]


def ask(
    volume: Volume, mask: Mask, name: str, engine: Engine, *, void: Mask | None = None, seed: int = 0
) -> Trial | None:
    """Hide known voxels like those that are lost, and compare an engine with simpler ones on them.

    The simpler ones are what the engine starts from, and `linear` for lost slices or `harmonic` for other holes.
    Hidden are copies of the holes, or slices next to those lost, about a third as many voxels as are masked, to
    bound the cost. The same scan, mask and seed give the same answer.

    Args:
        volume: the scan.
        mask: True = fill, (I, J, K).
        name: the engine's name in the table of engines.
        engine: the one that suits the mask.
        void: True = outside the image, (I, J, K); None if there is none.
        seed: draws what is hidden, and what the engine draws.

    Returns:
        The comparison; None if too little of the scan is known.

    Raises:
        ConvergenceError: the biharmonic equations could not be solved.
    """
    foreground = foreground_of(volume, mask, outside=True)
    axes = gap_axes(mask, void)
    if axes:
        shams, others = hidden_slices(mask, void, axes[0], foreground.box), _FOR_SLICES
    else:
        shams, others = hidden_holes(volume, mask, void, seed=seed), _FOR_HOLES
    engines = {name: engine, **{one: load_engine(one) for one in others if one != name}}
    found = []
    for sham in shams:
        with suppress(MaskError):  # hidden voxels with nothing known around them, as between two paddings
            found.append(_missed(volume, mask, sham, engines, foreground.threshold, seed))
    if sum(len(one.tile) for one in found) < _FEWEST:
        return None
    return _judged(found, min(sham.scale for sham in shams))


def _missed(
    volume: Volume, mask: Mask, sham: Sham, engines: Mapping[str, Engine], threshold: float, seed: int
) -> _Missed:
    """Return by how much engines, and what they start from, miss the tissue of a sham."""
    part = volume.cropped(sham.window)
    tissue = (part.data > threshold)[sham.hidden]
    true = part.intensities()[sham.hidden][tissue]
    absent = mask[sham.window] if sham.unseen is None else mask[sham.window] | sham.unseen
    misses: dict[str, _Floats] = {}
    for name, engine in engines.items():
        filling = fill(part, sham.hidden, engine, seed=seed, absent=absent)
        for one, values in ((name, filling.values.mean(axis=0)), *filling.stages.items()):
            misses.setdefault(one, (values[tissue] - true).astype(np.float64))
    edges = np.maximum(1, np.rint(_TILE_MM / np.asarray(volume.spacing_mm))).astype(np.int64)
    tiles = np.argwhere(sham.hidden)[tissue] // edges
    return _Missed(misses, np.ravel_multi_index(tuple(tiles.T), sham.hidden.shape))


def _judged(found: Sequence[_Missed], scale: float) -> Trial:
    """Return how engines compare over all shams, and the mean of them that comes closest."""
    names = tuple(found[0].misses)
    misses = np.stack([np.concatenate([one.misses[name] for one in found]) for name in names])
    errors = np.sqrt(np.square(misses).mean(axis=1)).tolist()
    weights = shares_of(misses, sum(len(np.unique(one.tile)) for one in found)).tolist()
    shares = _rounded(dict(zip(names, weights, strict=True)))
    mean = sum(share * misses[names.index(name)] for name, share in shares.items())
    expected = float(np.sqrt(np.square(mean).mean())) / scale**_GROWTH
    return Trial(dict(zip(names, errors, strict=True)), misses.shape[1], shares, expected)


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    """Return shares in whole per cent without the smallest ones, largest first; they still add up to 1."""
    kept = sorted(((share, name) for name, share in shares.items() if share >= _LEAST_SHARE), reverse=True)
    total = sum(share for share, _ in kept)
    per_cent = {name: round(100.0 * share / total) for share, name in kept}
    per_cent[kept[0][1]] += 100 - sum(per_cent.values())
    return {name: number / 100 for name, number in per_cent.items()}
