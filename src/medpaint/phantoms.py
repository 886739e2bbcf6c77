"""A synthetic head: nested ellipsoids with folded tissue, for tests and demonstrations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Spacing

__all__ = ["head"]


def head(shape: tuple[int, int, int] = (48, 56, 40), spacing_mm: Spacing = (4.0, 4.0, 4.0)) -> NDArray[np.float32]:
    """Return a T1-weighted-like head on a grid: scalp, skull, fluid, folded cortex, white matter, ventricles.

    The head is an ellipsoid that fills nine tenths of the field of view on any grid, so that the same head can be
    sampled finely or coarsely.

    Args:
        shape: size (I, J, K).
        spacing_mm: voxel size along I, J, K; the folds are about 20 mm apart.

    Returns:
        Intensities in [0, 1], zero outside the head, (I, J, K).
    """
    grids = np.ogrid[tuple(slice(0, n) for n in shape)]
    centred = [grid - (n - 1) / 2.0 for grid, n in zip(grids, shape, strict=True)]
    x, y, z = (2.2 * grid / n for grid, n in zip(centred, shape, strict=True))
    u, v, w = (grid * size / 20.0 * 2.0 * np.pi for grid, size in zip(centred, spacing_mm, strict=True))
    folds = np.sin(u + np.sin(0.5 * v)) * np.cos(v) + np.sin(w + np.cos(0.5 * u))
    radius = np.sqrt(x**2 + y**2 + z**2)
    brain = radius + 0.03 * folds
    volume = np.zeros(shape)
    volume[radius < 1.0] = 0.75
    volume[radius < 0.92] = 0.08
    volume[radius < 0.85] = 0.25
    volume[brain < 0.78] = 0.55
    volume[brain < 0.62] = 0.85
    volume[np.sqrt((2.6 * (np.abs(x) - 0.16)) ** 2 + (1.3 * y) ** 2 + (1.6 * z) ** 2) < 0.32] = 0.22
    shading = 1.0 + 0.1 * x + 0.06 * y - 0.04 * z**2
    head_like: NDArray[np.float32] = np.clip(volume * shading, 0.0, 1.0).astype(np.float32)
    return head_like
