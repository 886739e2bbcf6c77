"""Conversion between stored numbers and intensities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Array, FloatArray, Mask, Window

__all__ = ["Encoding"]


@dataclass(frozen=True, eq=False)
class Encoding:
    """The rule ``intensity = stored * slope + intercept``, and which values may be stored.

    Attributes:
        dtype: type of the stored values, in the machine's byte order.
        slope: one number, or an array that broadcasts to (I, J, K), such as (1, 1, K) for a DICOM
            series in which each slice has its own scaling. Never zero.
        intercept: likewise, in the units of the intensities.
        lowest: smallest stored value allowed (that of the dtype, or of the DICOM bits).
        highest: largest stored value allowed.
        padding: lowest and highest stored value of voxels outside the image; None if there are none.
    """

    dtype: np.dtype[Any]
    slope: Array
    intercept: Array
    lowest: float
    highest: float
    padding: tuple[float, float] | None = None

    @classmethod
    def of(
        cls,
        dtype: np.dtype[Any],
        *,
        slope: Array | float = 1.0,
        intercept: Array | float = 0.0,
        limits: tuple[float, float] | None = None,
        padding: tuple[float, float] | None = None,
    ) -> Encoding:
        """Return the encoding of `dtype`; without `limits`, these are those of the type."""
        dtype = np.dtype(dtype).newbyteorder("=")
        if dtype.kind not in "iuf" or dtype.itemsize > 8:
            message = f"expected real numbers of at most 64 bits, got values of type {dtype}"
            raise UnsupportedError(message)
        if limits is None:
            limits = _limits(dtype)
        return cls(dtype, np.asarray(slope, float), np.asarray(intercept, float), *limits, padding)

    @property
    def is_identity(self) -> bool:
        """Whether stored values are the intensities."""
        return bool(np.all(self.slope == 1.0) and np.all(self.intercept == 0.0))

    @property
    def intensity_dtype(self) -> np.dtype[np.floating[Any]]:
        """Type of the intensities: float32, or float64 where float32 cannot represent the stored values.

        The latter holds for 64-bit floats and for integers of 32 bits or more.
        """
        wide = self.dtype.itemsize > 4 or (self.dtype.kind in "iu" and self.dtype.itemsize == 4)
        return np.dtype(np.float64 if wide else np.float32)

    def at(self, index: Window | Mask, shape: tuple[int, ...]) -> Encoding:
        """Return the encoding of ``data[index]``, where `data` has the volume's `shape`."""
        if self.slope.ndim == 0 and self.intercept.ndim == 0:
            return self
        slope, intercept = (np.broadcast_to(field, shape)[index] for field in (self.slope, self.intercept))
        return replace(self, slope=slope, intercept=intercept)

    def is_padding(self, stored: Array) -> Mask:
        """Return which of the stored values are padding."""
        if self.padding is None:
            return np.zeros(stored.shape, dtype=bool)
        padded: Mask = (stored >= self.padding[0]) & (stored <= self.padding[1])
        return padded

    def decode(self, stored: Array) -> FloatArray:
        """Return the intensities of `stored` as a new array of `intensity_dtype`; NaN where it is padding."""
        values: FloatArray = stored.astype(self.intensity_dtype)
        if not self.is_identity:
            np.multiply(values, self.slope.astype(values.dtype), out=values)
            np.add(values, self.intercept.astype(values.dtype), out=values)
        if self.padding is not None:
            values[self.is_padding(stored)] = np.nan
        return values

    def encode(self, intensities: FloatArray) -> Array:
        """Return the stored values nearest to `intensities`, rounded and kept within the limits."""
        values = intensities.astype(np.float64)
        if not self.is_identity:
            values = (values - self.intercept) / self.slope
        if self.dtype.kind in "iu":
            values = np.rint(values)
        stored: Array = np.clip(values, self.lowest, self.highest).astype(self.dtype)
        return stored


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and largest float64 that `dtype` can represent."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    highest = float(info.max)
    return float(info.min), highest if int(highest) <= info.max else float(np.nextafter(highest, 0.0))
