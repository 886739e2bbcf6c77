"""The checksum that proves that voxels outside the mask are unchanged."""

from __future__ import annotations

import hashlib

import numpy as np

from medpaint.core.types import Array, Mask

__all__ = ["checksum_outside"]


def checksum_outside(data: Array, mask: Mask) -> str:
    """Return the SHA-256 of the stored values outside `mask`.

    The values are hashed little-endian, I fastest, then J, then K, without the masked ones. Equal checksums before
    and after mean that every voxel outside the mask is unchanged, bit for bit.

    Args:
        data: stored values, (I, J, K).
        mask: True = left out, (I, J, K).
    """
    digest = hashlib.sha256()
    little = data.dtype.newbyteorder("<")
    for k in range(data.shape[2]):
        plane, masked = data[:, :, k].T, mask[:, :, k].T
        kept = plane[~masked] if masked.any() else plane
        digest.update(np.ascontiguousarray(kept, dtype=little).data)
    return digest.hexdigest()
