"""A volume: stored values on a grid in RAS+ millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import GeometryError, UnsupportedError, UsageError
from medpaint.core.geometry import checked_affine, spacing_of
from medpaint.core.types import Affine, Array, FloatArray, Spacing, Window

__all__ = ["Volume"]


@dataclass(frozen=True, eq=False)
class Volume:
    """A scan's values and their grid.

    Attributes:
        data: the stored values, shape (I, J, K); a 2D image has K = 1. A read-only view of the given
            array, which must not change while the volume is in use.
        affine: voxel index to RAS+ millimetres, (4, 4) float64, read-only.
        encoding: how the stored values encode intensities.
    """

    data: Array
    affine: Affine
    encoding: Encoding

    def __post_init__(self) -> None:
        """Check the shape, the type and the affine, and make the values read-only."""
        if not isinstance(self.data, np.ndarray) or isinstance(self.data, np.ma.MaskedArray):
            message = f"expected data as a plain numpy array, got {type(self.data).__name__}: np.asarray makes one"
            raise UsageError(message)
        if self.data.ndim != 3 or 0 in self.data.shape:
            message = (
                f"expected a volume of three dimensions, none of them of length 0, got shape {self.data.shape}"
            )
            raise GeometryError(message)
        if self.data.dtype.kind not in "iuf":
            message = f"expected real numbers, got values of type {self.data.dtype}"
            raise UnsupportedError(message)
        view = self.data.astype(self.data.dtype.newbyteorder("="), copy=False).view()
        view.flags.writeable = False
        object.__setattr__(self, "data", view)
        affine = checked_affine(self.affine)
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @classmethod
    def of(cls, data: Array, affine: Affine | None = None) -> Volume:
        """Return a volume whose stored values are its intensities, on a 1 mm grid by default."""
        encoding = Encoding.of(getattr(data, "dtype", np.dtype(np.float32)))
        return cls(data, np.eye(4) if affine is None else affine, encoding)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along I, J, K."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing_mm(self) -> Spacing:
        """Voxel size along I, J, K in millimetres."""
        return spacing_of(self.affine)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def intensities(self, window: Window | None = None) -> FloatArray:
        """Return the intensities of the volume, or of a window of it, as a new array."""
        if window is None:
            return self.encoding.decode(self.data)
        return self.encoding.at(window, self.shape).decode(self.data[window])

    def cropped(self, window: Window) -> Volume:
        """Return a window of the volume, as a view of its values."""
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [part.start for part in window]
        return Volume(self.data[window], affine, self.encoding.at(window, self.shape))
