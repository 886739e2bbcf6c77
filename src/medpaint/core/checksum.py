"""The checksum that proves that voxels outside the mask are unchanged."""

from __future__ import annotations

import hashlib
from typing import final

import numpy as np

from medpaint.core.types import Array, Mask

__all__ = ["ChecksumOutside", "checksum_outside"]


@final
class ChecksumOutside:
    """The SHA-256 of the stored values outside a mask, from slabs of the volume in the order of K.

    The values are hashed little-endian, I fastest, then J, then K, without the masked ones. Equal checksums before
    and after mean that every voxel outside the mask is unchanged, bit for bit.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, slab: Array, masked: Mask) -> None:
        """Add the next slices.

        Args:
            slab: stored values, (I, J, n).
            masked: True = left out, (I, J, n).
        """
        values = slab.T[~masked.T] if masked.any() else slab.T
        self._digest.update(np.ascontiguousarray(values, dtype=slab.dtype.newbyteorder("<")).data)

    def hexdigest(self) -> str:
        """Return the checksum of all slices so far, in hexadecimal."""
        return self._digest.hexdigest()


def checksum_outside(data: Array, mask: Mask) -> str:
    """Return the checksum of the stored values outside `mask`; see `ChecksumOutside`.

    Args:
        data: stored values, (I, J, K).
        mask: True = left out, (I, J, K).
    """
    checksum = ChecksumOutside()
    for k in range(data.shape[2]):
        checksum.add(data[:, :, k : k + 1], mask[:, :, k : k + 1])
    return checksum.hexdigest()
