"""Types of the arrays that pass between modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Affine", "Array", "FloatArray", "Mask", "Progress", "Spacing", "Window"]

Array: TypeAlias = NDArray[Any]
"""Any numeric array; a volume has shape (I, J, K)."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
"""Intensities in the units of the source, shape (I, J, K)."""

Mask: TypeAlias = NDArray[np.bool_]
"""True = repair, False = keep, shape (I, J, K)."""

Affine: TypeAlias = NDArray[np.float64]
"""Voxel index to RAS+ millimetres, shape (4, 4)."""

Spacing: TypeAlias = tuple[float, float, float]
"""Voxel size along I, J, K in millimetres."""

Window: TypeAlias = tuple[slice, slice, slice]
"""A box of a volume, as slices along I, J, K."""

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the name of a step and the fraction done, in [0, 1]."""
