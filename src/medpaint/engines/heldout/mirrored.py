"""The other side of the body, hidden together with a copy of a hole if it is lost beside the hole too."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.boxes import whole
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.exemplar.symmetry import Symmetry, symmetry_of

__all__ = ["other_side_too"]

_LITTLE: Final = 0.1
"""Share of a hole whose other side may be lost without mattering."""


def other_side_too(volume: Volume, unknown: Mask, lost: Mask, hidden: Mask) -> Mask | None:
    """Return the other side of part of what is hidden, (I, J, K): of as large a part as is lost of the holes'.

    Engines learn from the other side of the body. A hole across the midline takes its own other side away, and a
    copy away from the midline would be far easier to fill. None if the other side of the holes is known.

    Args:
        volume: the crop.
        unknown: True = masked or void, (I, J, K).
        lost: the holes, (I, J, K).
        hidden: their copies, (I, J, K).
    """
    symmetry = _symmetry(volume, unknown) if lost.any() else None
    if symmetry is None:
        return None
    share = 1.0 - float(symmetry.mirrored(~unknown, whole(lost.shape))[lost].mean())
    if share <= _LITTLE:
        return None
    part = np.zeros_like(hidden)
    place = np.nonzero(hidden)
    nearest = np.argsort(place[symmetry.axis], kind="stable")[: round(share * len(place[0]))]
    part[tuple(index[nearest] for index in place)] = True
    return symmetry.mirrored(part, whole(part.shape)) & ~hidden


def _symmetry(volume: Volume, unknown: Mask) -> Symmetry | None:
    """Return how a crop maps onto its mirror image, its unknown voxels as bright as the others on average."""
    image = volume.intensities()
    hidden = unknown | ~np.isfinite(image)
    count = hidden.size - np.count_nonzero(hidden)
    if not count:
        return None
    np.copyto(image, 0.0, where=hidden)
    exponent = int(np.frexp(max(image.max(), -image.min()))[1])  # so that sums of any intensities stay finite
    np.ldexp(image, -exponent, out=image)
    np.copyto(image, image.sum(dtype=np.float64) / count, where=hidden)
    return symmetry_of(image, volume.spacing_mm)
