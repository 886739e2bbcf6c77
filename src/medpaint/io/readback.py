"""Products as they are on the disk, compared with what was to be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, final

import numpy as np

from medpaint.core.checksum import ChecksumOutside
from medpaint.core.errors import InputError, VerificationError
from medpaint.core.types import Array, Mask
from medpaint.io.source import ReadBack
from medpaint.io.stored import Place, Stored, visit_frame

__all__ = ["Comparison", "compared", "refused"]


@final
class Comparison:
    """Compares a frame of a product with the values that were to be written, slab by slab, as it is read.

    Args:
        path: the product.
        data: the stored values that it should contain, (I, J, K).
        mask: True = repaired, (I, J, K).
    """

    def __init__(self, path: Path, data: Array, mask: Mask) -> None:
        self._path, self._data, self._mask = path, data, mask
        self._checksum = ChecksumOutside()

    def frame(self, file: BinaryIO, stored: Stored, number: int) -> tuple[str, Place]:
        """Read a frame from an open file, as `medpaint.io.stored.read_frame` does, and compare it.

        Returns:
            The checksum of what was read outside the mask, and the position of the frame.

        Raises:
            VerificationError: it does not contain the same values.
        """
        if stored.shape != self._data.shape or stored.dtype.newbyteorder("=") != self._data.dtype:
            raise self._differs()
        place = visit_frame(file, stored, number, self._visit)
        return self._checksum.hexdigest(), place

    def _visit(self, first: int, slab: Array) -> None:
        """Compare a slab that was read, (I, J, n), and add it to the checksum."""
        part = np.s_[:, :, first : first + slab.shape[2]]
        if not np.array_equal(slab, self._data[part], equal_nan=slab.dtype.kind == "f"):
            raise self._differs()
        self._checksum.add(slab, self._mask[part])

    def _differs(self) -> VerificationError:
        """Return the error for other values."""
        return refused(self._path, "its voxels differ from those to be written")


def compared(path: Path, read: Callable[[], tuple[str, str]]) -> ReadBack:
    """Return a product as it is on the disk.

    Args:
        path: the product.
        read: reads it by a `Comparison`, and returns its hash and the checksum.

    Raises:
        VerificationError: it cannot be read, or does not contain the same values.
    """
    try:
        sha256, checksum = read()
    except InputError as error:
        raise refused(path, str(error)) from error
    return ReadBack(sha256=sha256, checksum=checksum)


def refused(path: Path, reason: str) -> VerificationError:
    """Return the error for a product that differs from what was to be written."""
    return VerificationError(f"{path} does not read back the same: {reason}; check the disk and restore again")
