"""Products as they are on the disk, compared with what was to be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medpaint.core.checksum import checksum_outside
from medpaint.core.errors import InputError, VerificationError
from medpaint.core.types import Array, Mask
from medpaint.io.source import ReadBack, Source

if TYPE_CHECKING:
    from medpaint.core.volume import Volume

__all__ = ["compared", "refused"]


def compared(path: Path, read: Callable[[], tuple[Volume, Source]], data: Array, mask: Mask) -> ReadBack:
    """Read a product and compare it with the values that were to be written.

    Args:
        path: the product.
        read: reads it.
        data: the stored values that it should contain, (I, J, K).
        mask: True = repaired, (I, J, K).

    Raises:
        VerificationError: it does not contain the same values.
    """
    try:
        volume, source = read()
    except InputError as error:
        raise refused(path, str(error)) from error
    found = volume.data
    if found.dtype != data.dtype or not np.array_equal(found, data, equal_nan=data.dtype.kind == "f"):
        raise refused(path, "its voxels differ from those to be written")
    return ReadBack(sha256=source.sha256, checksum=checksum_outside(found, mask))


def refused(path: Path, reason: str) -> VerificationError:
    """Return the error for a product that differs from what was to be written."""
    return VerificationError(f"{path} does not read back the same: {reason}; check the disk and restore again")
