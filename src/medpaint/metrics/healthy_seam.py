"""How visible the border of a mask would be in the untouched tissue of the same scan."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.metrics.seam import REACH, seam_score

__all__ = ["healthy_seams"]

_PLACES: Final = 20
_TRIES: Final = 200
"""So many places are compared, out of so many tried."""

_MOST_VOXELS: Final = 500_000
"""Around larger masks fewer places are compared, so that it takes no longer."""


def healthy_seams(volume: Volume, mask: Mask, *, seed: int = 0) -> tuple[float, ...]:
    """Return the seam scores that a mask has where nothing was filled: the same shape elsewhere in the tissue.

    Args:
        volume: the scan, restored or not.
        mask: True = repaired, (I, J, K).
        seed: of the places.

    Returns:
        A score for each place; fewer than three say little. Empty if the mask is, or if it fits nowhere else.
    """
    box = bounding_box(mask)
    if box is None:
        return ()
    shape = tuple(part.stop - part.start for part in box)
    foreground = foreground_of(volume, mask)
    tissue = np.argwhere(foreground.tissue & ~foreground.masked) * foreground.stride
    if not len(tissue):
        return ()
    places = max(3, min(_PLACES, _PLACES * _MOST_VOXELS // math.prod(shape)))
    hole = np.pad(mask[box], REACH)
    scores: list[float] = []
    for centre in tissue[np.random.default_rng(seed).integers(0, len(tissue), _TRIES)]:
        i, j, k = (
            slice(int(at) - size // 2, int(at) - size // 2 + size) for at, size in zip(centre, shape, strict=True)
        )
        window = grown((i, j, k), (REACH, REACH, REACH), mask.shape)
        inside = all(part.stop - part.start == size for part, size in zip(window, hole.shape, strict=True))
        if not inside or mask[window].any():
            continue
        values = volume.intensities(window)
        if np.mean(volume.data[window][hole] > foreground.threshold) > 0.8:
            scores.append(seam_score(values, hole, volume.spacing_mm))
        if len(scores) == places:
            break
    return tuple(score for score in scores if math.isfinite(score))
