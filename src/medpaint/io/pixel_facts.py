"""What the voxels of a volume are: their range, and those that are no intensities."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from medpaint.core.volume import Volume
from medpaint.io.inspected import Pixels

__all__ = ["joined", "pixels_of"]


def pixels_of(volume: Volume) -> Pixels:
    """Return what the voxels of a volume are; one slice at a time, so that its intensities are never in memory."""
    return joined(_of_slice(volume, k) for k in range(volume.shape[2]))


def joined(parts: Iterable[Pixels]) -> Pixels:
    """Return what the voxels of several parts are together."""
    found = list(parts)
    lows = [one.lowest for one in found if one.lowest is not None]
    highs = [one.highest for one in found if one.highest is not None]
    return Pixels(
        lowest=min(lows, default=None),
        highest=max(highs, default=None),
        non_finite=sum(one.non_finite for one in found),
        padding=sum(one.padding for one in found),
    )


def _of_slice(volume: Volume, k: int) -> Pixels:
    """Return what the voxels of a slice are."""
    window = (slice(None), slice(None), slice(k, k + 1))
    encoding, stored = volume.encoding.at(window, volume.shape), volume.data[window]
    padding = encoding.is_padding(stored)
    values = encoding.decode(stored)[~padding]
    finite = values[np.isfinite(values)]
    return Pixels(
        lowest=float(finite.min()) if finite.size else None,
        highest=float(finite.max()) if finite.size else None,
        non_finite=int(values.size - finite.size),
        padding=int(padding.sum()),
    )
