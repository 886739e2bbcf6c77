"""The layers of voxels around one part of a mask, sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from medpaint.core.boxes import grown
from medpaint.core.types import Array, Mask, Spacing, Window

__all__ = ["FAR", "RIM", "RING", "SIDES", "TOUCH", "Shell", "shell_of"]

TOUCH, RIM, RING, FAR = 0, 1, 2, 3

_LAYERS_MM: Final = ((0.0, 1.2), (1.2, 2.0), (3.0, 8.0), (8.0, 14.0))
"""Distances from the mask between which the layers lie: TOUCH, RIM, RING and FAR."""

SIDES: Final = 8
"""Octants around the middle of the part."""

_MOST_VOXELS: Final = 500_000
"""Parts in larger crops are looked at on a coarser grid."""

_SAMPLES: Final = 400
"""Voxels of each layer that are looked at."""

_Voxels = NDArray[np.int64]
"""Indices of voxels, (N, 3)."""


@dataclass(frozen=True, eq=False)
class Shell:
    """The voxels around a part of a mask.

    Attributes:
        voxels: of all layers, (N, 3).
        layer: which layer each lies in, (N,).
        side: on which of `SIDES` sides of the part each lies, (N,).
        surface: voxels that touch the part, (L, 3).
        centre: of the part, (3,).
    """

    voxels: _Voxels
    layer: _Voxels
    side: _Voxels
    surface: _Voxels
    centre: _Voxels


def shell_of(mask: Mask, box: Window, spacing_mm: Spacing) -> Shell:
    """Return the voxels around the part of a mask in a box.

    Args:
        mask: True = fill, (I, J, K).
        box: window of the part.
        spacing_mm: voxel size along I, J, K, at human scale.
    """
    spacing = np.asarray(spacing_mm)
    margin = np.ceil(_LAYERS_MM[-1][1] / spacing).astype(int) + 1
    window = grown(box, (int(margin[0]), int(margin[1]), int(margin[2])), mask.shape)
    step = np.maximum(1, np.floor(1.0 / spacing)).astype(int)
    while np.prod([(part.stop - part.start) / by for part, by in zip(window, step, strict=True)]) > _MOST_VOXELS:
        step += 1
    part = mask[tuple(slice(along.start, along.stop, int(by)) for along, by in zip(window, step, strict=True))]
    start = np.array([along.start for along in window])
    layers = [chosen * step + start for chosen in _layers(part, spacing * step)]
    surface = _some(np.argwhere(binary_dilation(part) & ~part)) * step + start
    centre = np.array([(along.start + along.stop) // 2 for along in box])
    voxels = np.concatenate(layers)
    layer = np.repeat(np.arange(len(layers)), [len(one) for one in layers])
    return Shell(voxels, layer, _side(voxels - centre), surface, centre)


def _layers(part: Mask, spacing_mm: Array) -> list[_Voxels]:
    """Return some voxels of each layer around a part, (N, 3) each."""
    if not part.any():
        return [np.empty((0, 3), dtype=np.int64) for _ in _LAYERS_MM]
    depth = distance_transform_edt(~part, sampling=tuple(spacing_mm))
    finest = float(spacing_mm.min())
    return [
        _some(np.argwhere((depth > low) & (depth <= (max(high, finest) if low == 0.0 else high))))
        for low, high in _LAYERS_MM
    ]


def _some(voxels: _Voxels) -> _Voxels:
    """Return at most about `_SAMPLES` of some voxels, (N, 3)."""
    return voxels[:: max(1, len(voxels) // _SAMPLES)]


def _side(offsets: _Voxels) -> _Voxels:
    """Return on which of eight sides voxels lie, (N,), from their offsets to the centre, (N, 3)."""
    return np.asarray((offsets > 0) @ np.array([1, 2, 4], dtype=np.int64))
