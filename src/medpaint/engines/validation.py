"""Engines compared on known voxels of the scan that is to be restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.errors import MedpaintError
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine
from medpaint.engines.filling import fill
from medpaint.engines.gaps import beside_gaps, gap_axes
from medpaint.engines.heldout.base import HeldOut
from medpaint.engines.heldout.holes import held_out_holes
from medpaint.engines.heldout.slices import held_out_slices
from medpaint.engines.registry import load_engine
from medpaint.engines.stacking import shares_of

__all__ = ["Validation", "validated"]

_Floats = NDArray[np.float64]

_TILE_MM: Final = 8.0
"""Edge of the cubes whose errors count as independent of each other."""

_GROWTH: Final = 0.75
"""Power of a hole's size along one axis that its error grows with, measured in heads, limbs and trunks."""

_FEWEST: Final = 50
"""Hidden voxels of tissue below which nothing is concluded."""

_LEAST_SHARE: Final = 0.05
"""Share in the mean below which an engine is left out."""

_LITTLE: Final = 0.1
"""Share of an engine's error below which its error in one place counts as that."""

_FOR_HOLES: Final = ("harmonic",)
"""What is compared in holes, besides an engine and what it starts from."""

_FOR_SLICES: Final = ("registered", "linear")
"""What is compared in lost slices, besides an engine and what it starts from; the simplest comes last."""


@dataclass(frozen=True)
class Validation:
    """How close engines came to known voxels that were hidden from them.

    Attributes:
        errors: root mean square error by engine, in the units of the scan; the engine that was asked about first.
        voxels: number of hidden voxels of tissue.
        shares: share of each engine in the weighted mean that comes closest to them, largest first; they add up
            to 1, and engines without a share are left out.
        expected_error: root mean square error that such a mean is expected to make in the mask, whose holes may be
            larger than what was hidden.
        worst: largest error of that mean in one of the places where voxels were hidden, in multiples of the error
            that the simplest engine made there.
    """

    errors: Mapping[str, float]
    voxels: int
    shares: Mapping[str, float]
    expected_error: float
    worst: float = 0.0

    @property
    def best(self) -> str:
        """The engine that came closest."""
        return min(self.errors, key=self.errors.__getitem__)


@dataclass(frozen=True, eq=False)
class _Filled:
    """What engines filled held-out voxels with.

    Attributes:
        true: their intensities, (N,).
        filled: those that each engine gave, (N,) by name.
        tile: number of the cube that each voxel lies in, (N,).
    """

    true: _Floats
    filled: Mapping[str, _Floats]
    tile: NDArray[np.int64]


def validated(
    volume: Volume, mask: Mask, name: str, engine: Engine, *, void: Mask | None = None, seed: int = 0
) -> Validation | None:
    """Hide known voxels like those that are lost, and compare an engine with simpler ones on them.

    The simpler ones are what the engine starts from, and `registered` and `linear` for lost slices or `harmonic`
    for other holes. Hidden are copies of the holes, or slices next to those lost, about a third as many voxels as
    are masked, to bound the cost. The same scan, mask and seed give the same answer.

    Args:
        volume: the scan.
        mask: True = fill, (I, J, K).
        name: the engine's name in the table of engines.
        engine: the one that suits the mask.
        void: True = outside the image, (I, J, K); None if there is none.
        seed: draws what is hidden, and what the engine draws.

    Returns:
        The comparison; None if too little of the scan is known, or if there are both lost slices and other holes:
        what does well in the ones need not in the others.
    """
    unknown = mask if void is None else mask | void
    foreground = foreground_of(volume, unknown, outside=True)
    axes = gap_axes(mask, void)
    if axes and beside_gaps(mask, void).any():
        return None
    others: tuple[str, ...]
    if axes:
        held_out, others = held_out_slices(mask, void, axes[0], foreground.box), _FOR_SLICES
    else:
        held_out, others = held_out_holes(volume, mask, void, seed=seed), _FOR_HOLES
    engines = {name: engine, **{one: load_engine(one) for one in others if one != name}}
    found = []
    for one in held_out:
        with suppress(MedpaintError):  # such as nothing known between two paddings; the fill itself may do well
            found.append(_filled(volume, unknown, one, engines, foreground.threshold, seed))
    if sum(len(one.tile) for one in found) < _FEWEST:
        return None
    return _judged(found, float(np.median([one.scale for one in held_out])))


def _filled(
    volume: Volume, unknown: Mask, held_out: HeldOut, engines: Mapping[str, Engine], threshold: float, seed: int
) -> _Filled:
    """Return what engines, and what they start from, fill the held-out tissue with."""
    part = volume.cropped(held_out.window)
    tissue = (part.data > threshold)[held_out.hidden]
    true = part.intensities()[held_out.hidden][tissue].astype(np.float64)
    absent = unknown[held_out.window]
    absent = absent if held_out.unseen is None else absent | held_out.unseen
    filled: dict[str, _Floats] = {}
    own = held_out.hidden[held_out.filled]
    for name, engine in engines.items():
        filling = fill(part, held_out.filled, engine, seed=seed, absent=absent)
        for one, values in ((name, filling.values.mean(axis=0)), *filling.stages.items()):
            filled.setdefault(one, values[own][tissue].astype(np.float64))
    edges = np.maximum(1, np.rint(_TILE_MM / np.asarray(volume.spacing_mm))).astype(np.int64)
    tiles = np.argwhere(held_out.hidden)[tissue] // edges
    return _Filled(true, filled, np.ravel_multi_index(tuple(tiles.T), held_out.hidden.shape))


def _judged(found: Sequence[_Filled], scale: float) -> Validation:
    """Return how engines compare over all that is held out, and the mean of them that comes closest."""
    names = tuple(found[0].filled)
    true = np.concatenate([one.true for one in found])
    exponent = int(np.frexp(np.abs(true).max())[1])  # so that squares of any intensities stay finite
    filled = np.stack([np.concatenate([one.filled[name] for one in found]) for name in names])
    misses = np.ldexp(filled, -exponent) - np.ldexp(true, -exponent)
    errors = np.ldexp(np.sqrt(np.square(misses).mean(axis=1)), exponent).tolist()
    weights = shares_of(misses, sum(len(np.unique(one.tile)) for one in found)).tolist()
    shares = _rounded(dict(zip(names, weights, strict=True)))
    mean = np.sum([share * misses[names.index(name)] for name, share in shares.items()], axis=0)
    expected = float(np.ldexp(_root_mean_square(mean) / scale**_GROWTH, exponent))
    worst = _worst(mean, misses[-1], [len(one.tile) for one in found])
    return Validation(dict(zip(names, errors, strict=True)), misses.shape[1], shares, expected, worst)


def _worst(misses: _Floats, simplest: _Floats, counts: Sequence[int]) -> float:
    """Return the largest ratio of errors, both (N,), over places with so many voxels each.

    Where the simplest engine was far closer than elsewhere, as in air, a ratio would say nothing.
    """
    stops = np.cumsum(counts)[:-1]
    ours, theirs = ([_root_mean_square(part) for part in np.split(one, stops)] for one in (misses, simplest))
    least = max(_LITTLE * _root_mean_square(simplest), np.finfo(float).tiny)
    return max(one / max(other, least) for one, other in zip(ours, theirs, strict=True))


def _root_mean_square(misses: _Floats) -> float:
    """Return the root mean square, 0 of nothing."""
    return float(np.sqrt(np.square(misses).mean())) if len(misses) else 0.0


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    """Return shares in whole per cent without the smallest ones, largest first; they still add up to 1."""
    kept = sorted(((share, name) for name, share in shares.items() if share >= _LEAST_SHARE), reverse=True)
    total = sum(share for share, _ in kept)
    per_cent = {name: round(100.0 * share / total) for share, name in kept}
    per_cent[kept[0][1]] += 100 - sum(per_cent.values())
    return {name: number / 100 for name, number in per_cent.items()}
