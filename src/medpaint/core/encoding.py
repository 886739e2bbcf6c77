"""How stored numbers stand for intensities, and back without losing a bit that was not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medpaint.core.types import Array, FloatArray, Window

__all__ = ["Encoding"]


@dataclass(frozen=True, eq=False)
class Encoding:
    """The rule ``intensity = stored * slope + intercept`` and what may be stored.

    Attributes:
        dtype: type of the stored values, in the machine's byte order.
        slope: one number, or an array that broadcasts to (I, J, K), such as (1, 1, K) for a DICOM
            series whose slices are rescaled each on its own. Never zero.
        intercept: likewise, in the units of the intensities.
        lowest: smallest stored value allowed (the dtype's, or what the DICOM bits hold).
        highest: largest stored value allowed.
    """

    dtype: np.dtype[Any]
    slope: Array
    intercept: Array
    lowest: float
    highest: float

    @classmethod
    def of(
        cls,
        dtype: np.dtype[Any],
        *,
        slope: Array | float = 1.0,
        intercept: Array | float = 0.0,
        limits: tuple[float, float] | None = None,
    ) -> Encoding:
        """Return the encoding of `dtype`, limited to what it can hold where `limits` is not given."""
        dtype = np.dtype(dtype).newbyteorder("=")
        if limits is None:
            info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
            limits = (float(info.min), float(info.max))
        return cls(dtype, np.asarray(slope, float), np.asarray(intercept, float), *limits)

    @property
    def is_identity(self) -> bool:
        """Whether stored values are the intensities."""
        return bool(np.all(self.slope == 1.0) and np.all(self.intercept == 0.0))

    def decode(self, stored: Array, window: Window | None = None) -> FloatArray:
        """Return the intensities of `stored` as a new float32 array.

        float64 is used instead where float32 cannot tell the stored values apart (64-bit floats and
        integers of 32 bits or more).

        Args:
            stored: stored values, the whole volume or the part that `window` cuts out of it.
            window: where `stored` lies in the volume; needed only where the slope differs by slice.
        """
        wide = self.dtype.itemsize > 4 or (self.dtype.kind in "iu" and self.dtype.itemsize == 4)
        values = stored.astype(np.float64 if wide else np.float32)
        if not self.is_identity:
            values *= _cut(self.slope, window).astype(values.dtype)
            values += _cut(self.intercept, window).astype(values.dtype)
        return values

    def encode(self, intensities: FloatArray, window: Window | None = None) -> Array:
        """Return the stored values nearest to `intensities`, rounded and kept within the limits."""
        values = intensities.astype(np.float64)
        if not self.is_identity:
            values = (values - _cut(self.intercept, window)) / _cut(self.slope, window)
        if self.dtype.kind in "iu":
            values = np.rint(values)
        stored: Array = np.clip(values, self.lowest, self.highest).astype(self.dtype)
        return stored


def _cut(field: Array, window: Window | None) -> Array:
    """Return the part of a broadcastable field that belongs to `window`."""
    if window is None or field.ndim == 0:
        return field
    cut: Array = field[tuple(slice(None) if n == 1 else part for n, part in zip(field.shape, window, strict=True))]
    return cut
