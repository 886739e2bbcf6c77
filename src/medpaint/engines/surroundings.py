"""What lies just outside a mask, compared with the rest of the scan: every engine learns from it first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from medpaint.core.boxes import grown
from medpaint.core.foreground import stride_of, threshold_of
from medpaint.core.types import Array, Mask, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.windows import windows

__all__ = ["Surroundings", "surroundings"]

_RIM_MM: Final = 2.0
_RING_MM: Final = (3.0, 8.0)
"""The rim is known tissue up to this distance from the mask; the ring lies farther out."""

_MOST_PARTS: Final = 4
_LEAST_VOXELS: Final = 30
"""The largest parts of the mask are looked at, if they are not tiny."""

_MOST_VOXELS: Final = 1_000_000
"""Parts in larger crops are looked at on a coarser grid."""

_SAMPLES: Final = 4000
"""Voxels of rim and of ring that are compared."""

_LEAST_SAMPLES: Final = 6
"""Fewest voxels of rim and ring in a sector that counts."""

_LEAST_SIDES: Final = 3
"""Fewest sectors that can agree."""

_SHAMS: Final = 30
_TRIES: Final = 200
"""The same shape is compared at so many other places in the tissue, out of so many tried."""

_SEEN: Final = 0.6
"""Share of rim and ring that has to lie in tissue at another place."""

_LARGE: Final = 1e150
"""Magnitude from which differences might leave the range of their type."""

_Voxels = NDArray[np.int64]
"""Indices of voxels, (N, 3)."""


@dataclass(frozen=True)
class Surroundings:
    """What lies around one part of a mask. Differences are shares of the range of the tissue's values.

    Attributes:
        extreme: share of the rim's tissue with values that only 1 % of the scan's tissue has.
        step: difference of rim and ring that most sides of the part have in common; 0 if sides disagree.
        usual_extreme: 90th percentile of `extreme` at other places in the scan; 0 if too few fit.
        usual_step: likewise of `step`.
        background: share of the surface that touches a background of one value, such as around an extracted brain.
    """

    extreme: float
    step: float
    usual_extreme: float
    usual_step: float
    background: float


@dataclass(frozen=True)
class _Tissue:
    """The known values of a scan.

    Attributes:
        threshold: tissue is above it.
        low: values below it are extreme.
        high: values above it are extreme.
        background: the constant value of the background; NaN if there is none.
        places: voxels of tissue, (N, 3).
    """

    threshold: float
    low: float
    high: float
    background: float
    places: _Voxels


@dataclass(frozen=True, eq=False)
class _Shell:
    """The voxels around a part of a mask.

    Attributes:
        rim: close voxels, (N, 3).
        rim_side: on which of eight sides of the part they lie, (N,).
        ring: voxels farther out, (M, 3).
        ring_side: likewise, (M,).
        surface: voxels that touch the part, (L, 3).
        centre: of the part, (3,).
    """

    rim: _Voxels
    rim_side: _Voxels
    ring: _Voxels
    ring_side: _Voxels
    surface: _Voxels
    centre: _Voxels


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
    found = (_around(volume.data, mask, _shell(mask, box, volume.spacing_mm), tissue, seed) for _, box in largest)
    return tuple(one for one in found if one is not None)


def _tissue(volume: Volume, mask: Mask) -> _Tissue | None:
    """Return the known values of a scan, on a coarser grid; None if they cannot be compared."""
    i, j, k = stride_of(volume.shape)
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
    low, high = np.percentile(values[inside], [0.5, 99.5])
    if high <= low:
        return None
    constant = np.count_nonzero(values[known] == lowest) >= 0.1 * np.count_nonzero(known)
    return _Tissue(
        threshold, float(low), float(high), float(lowest) if constant else np.nan, np.argwhere(inside) * (i, j, k)
    )


def _shell(mask: Mask, box: Window, spacing_mm: Spacing) -> _Shell:
    """Return the voxels around the part of a mask in a box."""
    spacing = np.asarray(spacing_mm)
    margin = np.ceil(_RING_MM[1] / spacing).astype(int) + 1
    window = grown(box, (int(margin[0]), int(margin[1]), int(margin[2])), mask.shape)
    step = np.maximum(1, np.floor(1.0 / spacing)).astype(int)
    while np.prod([(part.stop - part.start) / by for part, by in zip(window, step, strict=True)]) > _MOST_VOXELS:
        step += 1
    part = mask[tuple(slice(along.start, along.stop, int(by)) for along, by in zip(window, step, strict=True))]
    depth = distance_transform_edt(~part, sampling=tuple(spacing * step)) if part.any() else np.zeros(part.shape)
    start = np.array([along.start for along in window])
    rim, ring, surface = (
        np.argwhere(chosen)[:: max(1, int(np.count_nonzero(chosen)) // _SAMPLES)] * step + start
        for chosen in (
            (depth > 0.0) & (depth <= max(_RIM_MM, float((spacing * step).min()))),
            (depth > _RING_MM[0]) & (depth <= _RING_MM[1]),
            binary_dilation(part) & ~part,
        )
    )
    centre = np.array([(along.start + along.stop) // 2 for along in box])
    return _Shell(rim, _side(rim - centre), ring, _side(ring - centre), surface, centre)


def _side(offsets: _Voxels) -> _Voxels:
    """Return on which of eight sides voxels lie, (N,), from their offsets to the centre, (N, 3)."""
    return np.asarray((offsets > 0) @ np.array([1, 2, 4], dtype=np.int64))


def _around(data: Array, mask: Mask, shell: _Shell, tissue: _Tissue, seed: int) -> Surroundings | None:
    """Return what lies around a part of a mask; None if it is not surrounded by tissue."""
    here = _compared(data, mask, shell, tissue, np.zeros(3, dtype=np.int64), least=0.0)
    if here is None:
        return None
    rng = np.random.default_rng(seed)
    usual: list[tuple[float, float]] = []
    for shift in tissue.places[rng.integers(0, len(tissue.places), _TRIES)] - shell.centre:
        found = _compared(data, mask, shell, tissue, shift, least=_SEEN)
        usual += [] if found is None else [found]
        if len(usual) == _SHAMS:
            break
    enough = len(usual) >= _SHAMS // 3
    usual_extreme, usual_step = np.percentile(usual, 90.0, axis=0) if enough else (0.0, 0.0)
    background = float(np.mean(data[tuple(shell.surface.T)] == tissue.background))
    return Surroundings(here[0], here[1], float(usual_extreme), float(usual_step), background)


def _compared(
    data: Array, mask: Mask, shell: _Shell, tissue: _Tissue, shift: _Voxels, *, least: float
) -> tuple[float, float] | None:
    """Return the share of extreme values in the rim, and the step from the ring to it that most sides share.

    None if too little of a shell, moved by `shift`, is tissue.
    """
    rim, rim_kept = _values(data, mask, shell.rim + shift, tissue)
    ring, ring_kept = _values(data, mask, shell.ring + shift, tissue)
    if len(rim) < max(_LEAST_SAMPLES, least * len(shell.rim)) or len(ring) < max(1, least * len(shell.ring)):
        return None
    extreme = float(np.mean((rim < tissue.low) | (rim > tissue.high)))
    steps = []
    for side in range(8):
        near, far = rim[shell.rim_side[rim_kept] == side], ring[shell.ring_side[ring_kept] == side]
        if min(len(near), len(far)) >= _LEAST_SAMPLES:
            steps.append((np.median(near) - np.median(far)) / (tissue.high - tissue.low))
    if len(steps) < _LEAST_SIDES:
        return extreme, 0.0
    low, high = np.percentile(steps, [25.0, 75.0])
    return extreme, float(max(low, -high, 0.0))


def _values(data: Array, mask: Mask, voxels: _Voxels, tissue: _Tissue) -> tuple[Array, Mask]:
    """Return the values of known tissue among voxels, and which those are, (N,)."""
    kept: Mask = np.asarray(((voxels >= 0) & (voxels < data.shape)).all(axis=1))
    within = tuple(voxels[kept].T)
    values = data[within].astype(np.float64)
    known = (values > tissue.threshold) & ~mask[within]
    kept[kept] = known
    return values[known], kept
