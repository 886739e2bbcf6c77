"""What lies just outside a mask, compared with the rest of the scan: every engine learns from it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.foreground import stride_of, threshold_of
from medpaint.core.types import Array, Mask, Window
from medpaint.core.volume import Volume
from medpaint.engines.shells import FAR, RIM, RING, SIDES, TOUCH, Shell, shell_of
from medpaint.engines.windows import windows

__all__ = ["Oddity", "Surroundings", "surroundings"]

_MOST_PARTS: Final = 4
_LEAST_VOXELS: Final = 30
"""The largest parts of the mask are looked at, if they are not tiny."""

_ENOUGH: Final = 250_000
"""Approximate number of voxels from which the values of the scan's tissue are taken."""

_LEAST_SAMPLES: Final = 6
"""Fewest voxels of two layers on a side that counts."""

_LEAST_SIDES: Final = 3
"""Fewest sides that can agree."""

_SHAMS: Final = 30
_TRIES: Final = 200
"""The same shape is compared at so many other places in the tissue, out of so many tried."""

_GLANCE: Final = 8
"""Every so many voxels decide whether a place is tried further."""

_SEEN: Final = 0.6
"""Share of rim and ring that has to lie in tissue at another place."""

_LARGE: Final = 1e150
"""Magnitude from which differences might leave the range of their type."""

_Voxels = NDArray[np.int64]
"""Indices of voxels, (N, 3)."""


@dataclass(frozen=True)
class Oddity:
    """Something measured around a part of a mask, in shares of the range of the tissue's values or of voxels.

    Attributes:
        here: around the part.
        usual: its 90th percentile around the same shape at other places in the scan; 0 if too few fit.
    """

    here: float
    usual: float

    def exceeds(self, least: float, times: float) -> bool:
        """Return whether it is larger than `least` here, and so many times as large as usual."""
        return self.here > max(least, times * self.usual)


@dataclass(frozen=True)
class Surroundings:
    """What lies around one part of a mask.

    Attributes:
        extreme: share of the rim's tissue with values that only 1 % of the scan's tissue has.
        step: difference of what touches the part and the ring that most sides have in common; 0 if sides disagree.
        slope: likewise of what touches the part and what lies beyond the ring.
        roughness: median difference of a voxel near the part from the mean of its neighbours, in the plane of the
            finest voxels. Usual is the larger of what is usual anywhere and at places as bright, such as in bone.
        background: share of the surface that touches a background of one value, such as around an extracted brain.
    """

    extreme: Oddity
    step: Oddity
    slope: Oddity
    roughness: Oddity
    background: float


@dataclass(frozen=True, eq=False)
class _Tissue:
    """The known values of a scan.

    Attributes:
        data: stored values, (I, J, K).
        mask: True = fill, (I, J, K).
        threshold: tissue is above it.
        low: values below it are extreme.
        high: values above it are extreme.
        background: the constant value of the background; NaN if there is none.
        places: voxels of tissue, (N, 3).
        plane: steps to the four neighbours in the plane of the finest voxels, (4, 3).
    """

    data: Array
    mask: Mask
    threshold: float
    low: float
    high: float
    background: float
    places: _Voxels
    plane: _Voxels

    def values(self, voxels: _Voxels) -> Array:
        """Return the values of voxels, (...), given by (..., 3); NaN where they are no known tissue."""
        place = tuple(np.clip(voxels[..., axis], 0, size - 1) for axis, size in enumerate(self.data.shape))
        values = self.data[place].astype(np.float64)
        known = ~self.mask[place] & (values > self.threshold)
        for axis, at in enumerate(place):
            known &= at == voxels[..., axis]
        values[~known] = np.nan
        return values

    def roughness(self, voxels: _Voxels, values: Array) -> Array:
        """Return the median difference of voxels, (P, N, 3), from the mean of their neighbours, (P,)."""
        around = sum(self.values(voxels + step) for step in self.plane) / len(self.plane)
        return _medians(np.abs(values - around))


def surroundings(volume: Volume, mask: Mask, *, seed: int = 0) -> tuple[Surroundings, ...]:
    """Return what lies around the largest parts of a mask, largest first.

    Each part is compared with its own shape at random places in the tissue of the same scan: what is usual there
    is no sign of damage. Values are compared as stored; where slices have their own scaling, nothing is returned.

    Args:
        volume: the scan, at human scale.
        mask: True = fill, (I, J, K).
        seed: of the other places.
    """
    tissue = _tissue(volume, mask)
    if volume.encoding.slope.size > 1 or tissue is None:
        return ()
    sizes = [(int(np.count_nonzero(mask[box])), box) for box in windows(mask, volume.spacing_mm, 0.0)]
    largest = sorted((pair for pair in sizes if pair[0] >= _LEAST_VOXELS), key=lambda pair: -pair[0])[:_MOST_PARTS]
    found = (_around(tissue, shell_of(mask, box, volume.spacing_mm), seed) for _, box in largest)
    return tuple(one for one in found if one is not None)


def _tissue(volume: Volume, mask: Mask) -> _Tissue | None:
    """Return the known values of a scan, on a coarser grid; None if they cannot be compared."""
    i, j, k = stride_of(volume.shape, enough=_ENOUGH)
    coarsely: Window = np.s_[::i, ::j, ::k]
    values: Array = volume.data[coarsely].astype(np.float64)
    padding = volume.encoding.at(coarsely, volume.shape).is_padding(values)
    known = np.isfinite(values) & ~padding & ~mask[coarsely]
    threshold = threshold_of(values[known])
    inside = known & (values > threshold)
    lowest = values[known].min() if known.any() else np.nan
    if not inside.any() or not lowest <= threshold:
        return None
    if np.abs(values[inside]).max() > _LARGE:
        return None
    low, high = (float(at) for at in np.percentile(values[inside], [0.5, 99.5]))
    if high <= low:
        return None
    constant = np.count_nonzero(values[known] == lowest) >= 0.1 * np.count_nonzero(known)
    places = np.argwhere(inside) * (i, j, k)
    background = float(lowest) if constant else np.nan
    return _Tissue(volume.data, mask, threshold, low, high, background, places, _plane(volume))


def _plane(volume: Volume) -> _Voxels:
    """Return the steps to the four neighbours in the plane of the finest voxels, or of a 2D image, (4, 3)."""
    along = sorted(range(3), key=lambda axis: (volume.shape[axis] == 1, volume.spacing_mm[axis]))
    steps = np.eye(3, dtype=np.int64)[along[:2]]
    return np.concatenate([steps, -steps])


def _around(tissue: _Tissue, shell: Shell, seed: int) -> Surroundings | None:
    """Return what lies around a part of a mask; None if it is not surrounded by tissue."""
    values = tissue.values(shell.voxels)
    near = values[(shell.layer <= RIM) & np.isfinite(values)]
    if len(near) < _LEAST_SAMPLES or not np.isfinite(values[shell.layer == RING]).any():
        return None
    rng = np.random.default_rng(seed)
    usual = _measured(tissue, shell, _elsewhere(tissue, shell, tissue.places, rng, _SHAMS))
    here = _measured(tissue, shell, np.zeros((1, 3), dtype=np.int64))
    alike = _measured(tissue, shell, _elsewhere(tissue, shell, _as_bright(tissue, near), rng, _SHAMS // 2))
    extreme, step, slope, rough = (Oddity(float(here[0, n]), _usual(usual[:, n])) for n in range(4))
    rough = Oddity(rough.here, max(rough.usual, _usual(alike[:, -1])))
    background = float(np.mean(tissue.data[tuple(shell.surface.T)] == tissue.background))
    return Surroundings(extreme, step, slope, rough, background)


def _usual(found: Array) -> float:
    """Return the 90th percentile of what was found at other places; 0 if there are too few."""
    return float(np.percentile(found, 90.0)) if len(found) >= _SHAMS // 3 else 0.0


def _as_bright(tissue: _Tissue, near: Array) -> _Voxels:
    """Return the places whose values lie in the middle half of some values, (N, 3)."""
    values = tissue.data[tuple(tissue.places.T)]
    low, high = np.percentile(near, [25.0, 75.0])
    return np.asarray(tissue.places[(values >= low) & (values <= high)])


def _elsewhere(tissue: _Tissue, shell: Shell, places: _Voxels, rng: np.random.Generator, most: int) -> _Voxels:
    """Return shifts of a shell to some of the places where most of rim and ring is known tissue, (P, 3)."""
    if not len(places):
        return np.empty((0, 3), dtype=np.int64)
    shifts = places[rng.integers(0, len(places), _TRIES)] - shell.centre
    fits = np.ones(_TRIES, dtype=bool)
    for layers in (shell.layer <= RIM, shell.layer == RING):
        glance = shell.voxels[layers][::_GLANCE]
        fits &= np.isfinite(tissue.values(shifts[:, np.newaxis] + glance)).mean(axis=1) >= _SEEN
    return np.asarray(shifts[fits][:most])


def _measured(tissue: _Tissue, shell: Shell, shifts: _Voxels) -> Array:
    """Return the extreme share, the step, the slope and the roughness around each shifted shell, (P, 4)."""
    voxels = shifts[:, np.newaxis] + shell.voxels
    values = tissue.values(voxels)
    rim = values[:, shell.layer <= RIM]
    extreme = ((rim < tissue.low) | (rim > tissue.high)).sum(axis=1) / np.maximum(1, np.isfinite(rim).sum(axis=1))
    sides = _by_side(values, shell)
    close = shell.layer < FAR
    rough = tissue.roughness(voxels[:, close], values[:, close])
    scale = tissue.high - tissue.low
    step, slope = (_agreed(sides[:, TOUCH] - sides[:, other]) / scale for other in (RING, FAR))
    return np.stack([extreme, step, slope, rough / scale], axis=1)


def _by_side(values: Array, shell: Shell) -> Array:
    """Return the median of each layer on each side, (P, layers, SIDES), from the values, (P, N)."""
    found = np.full((len(values), FAR + 1, SIDES), np.nan)
    for layer in (TOUCH, RING, FAR):
        for side in range(SIDES):
            found[:, layer, side] = _medians(values[:, (shell.layer == layer) & (shell.side == side)])
    return found


def _medians(values: Array) -> Array:
    """Return the median of each row without NaN, (P,), from (P, N); NaN where too few values are left."""
    count = np.isfinite(values).sum(axis=1)
    if not values.size:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN come last
    row, last = np.arange(len(values)), np.maximum(count - 1, 0)
    middle = (ordered[row, last // 2] + ordered[row, (last + 1) // 2]) / 2.0
    return np.where(count >= _LEAST_SAMPLES, middle, np.nan)


def _agreed(steps: Array) -> Array:
    """Return the size of the step that three of four sides share, (P,), from that on each side, (P, SIDES)."""
    known = np.isfinite(steps)
    ordered = np.sort(steps, axis=1)
    row, last = np.arange(len(steps)), np.maximum(known.sum(axis=1) - 1, 0)
    low, high = (ordered[row, np.rint(share * last).astype(np.int64)] for share in (0.25, 0.75))
    agreed = np.maximum(np.maximum(low, -high), 0.0)
    return np.where(known.sum(axis=1) >= _LEAST_SIDES, agreed, 0.0)
