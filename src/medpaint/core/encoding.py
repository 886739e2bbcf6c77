"""Conversion between stored numbers and intensities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Array, FloatArray, Mask, Window

__all__ = ["Encoding", "Padding"]

Padding: TypeAlias = tuple[float, float] | tuple[Array, Array]
"""Lowest and highest stored value of padding: of all slices, or arrays that broadcast to (I, J, K)."""


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
        padding: lowest and highest stored value of voxels outside the image; arrays such as (1, 1, K) where slices
            differ, NaN where a slice has none; None if there are none at all.
    """

    dtype: np.dtype[Any]
    slope: Array
    intercept: Array
    lowest: float
    highest: float
    padding: Padding | None = None

    @classmethod
    def of(
        cls,
        dtype: np.dtype[Any],
        *,
        slope: Array | float = 1.0,
        intercept: Array | float = 0.0,
        limits: tuple[float, float] | None = None,
        padding: Padding | None = None,
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
        lowest, highest = self.padding or (np.nan, np.nan)
        fields = [np.asarray(field) for field in (self.slope, self.intercept, lowest, highest)]
        if all(field.ndim == 0 for field in fields):
            return self
        slope, intercept, *padding = (
            np.broadcast_to(field, shape)[index] if field.ndim else field for field in fields
        )
        kept = self.padding if np.ndim(lowest) == 0 else (padding[0], padding[1])
        return replace(self, slope=slope, intercept=intercept, padding=kept)

    def is_padding(self, stored: Array) -> Mask:
        """Return which of the stored values are padding; for a part of a volume, ask the encoding `at` it."""
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
        """Return the stored values nearest to `intensities`, rounded, within the limits and never padding."""
        values = intensities.astype(np.float64)
        if not self.is_identity:
            values = (values - self.intercept) / self.slope
        if self.dtype.kind in "iu":
            values = np.rint(values)
        stored: Array = np.clip(values, self.lowest, self.highest).astype(self.dtype)
        return self._image(stored)

    def _image(self, stored: Array) -> Array:
        """Return stored values, those that would say padding replaced by the nearest that do not."""
        if self.padding is None or self.dtype.kind not in "iu" or not self.is_padding(stored).any():
            return stored
        below, above = (np.asarray(edge, float) + step for edge, step in zip(self.padding, (-1, 1), strict=True))
        is_lower = (stored - below <= above - stored) & (below >= self.lowest) | (above > self.highest)
        nearest = np.clip(np.where(is_lower, below, above), self.lowest, self.highest)
        image: Array = np.where(self.is_padding(stored), nearest, stored).astype(self.dtype)
        return image


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and largest float64 that `dtype` can represent."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    highest = float(info.max)
    return float(info.min), highest if int(highest) <= info.max else float(np.nextafter(highest, 0.0))
