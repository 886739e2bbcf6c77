"""Scans of random contrast, synthesised from label maps."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from medpaint.core.geometry import blur_widths
from medpaint.core.types import FloatArray, Spacing

__all__ = ["deformed", "smooth_field", "synthesised"]

_TEXTURE: Final = (0.01, 0.06)
"""Range of the standard deviation of intensities within a tissue; tissues lie in [0, 1]."""

_BLUR_MM: Final = (0.3, 1.2)
"""Range of the standard deviation of the point spread."""

_NOISE: Final = (0.0, 0.03)
"""Range of the standard deviation of the noise."""

_BIAS: Final = 0.25
"""Standard deviation of the logarithm of the bias field."""

_BIAS_MM: Final = 60.0
"""Distance over which the bias field changes."""

_WARP_MM: Final = (2.0, 30.0)
"""Standard deviation of the deformation, and the distance over which it changes."""


def deformed(labels: FloatArray, spacing_mm: Spacing, *, seed: int) -> FloatArray:
    """Deform a label map smoothly, as if it were another person's, (I, J, K).

    Args:
        labels: whole numbers, 0 = background, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        seed: determines the deformation.
    """
    rng = np.random.default_rng(seed)
    spread_mm, reach_mm = _WARP_MM
    places = np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij")).astype(np.float32)
    for axis, size_mm in enumerate(spacing_mm):
        places[axis] += (spread_mm / size_mm) * smooth_field(labels.shape, spacing_mm, reach_mm, rng)
    warped: FloatArray = map_coordinates(labels, places, order=0, mode="nearest")
    return warped


def synthesised(labels: FloatArray, spacing_mm: Spacing, classes: dict[int, int], *, seed: int) -> FloatArray:
    """Synthesise a scan in which each class of tissue has a random intensity and texture.

    The borders of the label map are blurred, and a bias field and noise are added. Label 0 stays dark. After
    Billot et al., SynthSeg: segmentation of brain MRI scans of any contrast and resolution without retraining.
    Medical Image Analysis 86 (2023) 102789.

    Args:
        labels: whole numbers, 0 = background, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        classes: class of each label; a label without one is its own class.
        seed: determines everything random.

    Returns:
        Intensities, about 0 to 1, float32, (I, J, K).
    """
    rng = np.random.default_rng(seed)
    found, index = np.unique(np.rint(labels).astype(np.int32), return_inverse=True)
    of_label = np.array([classes.get(int(one), 1000 + int(one)) for one in found])
    _, class_index = np.unique(of_label, return_inverse=True)
    means = rng.uniform(0.1, 1.0, class_index.max() + 1)
    deviations = rng.uniform(*_TEXTURE, class_index.max() + 1)
    dark = found == 0
    mean_of, deviation_of = np.where(dark, 0.0, means[class_index]), np.where(dark, 0.0, deviations[class_index])
    index = index.reshape(labels.shape)
    texture = gaussian_filter(rng.standard_normal(labels.shape).astype(np.float32), 0.7) * 2.0
    image = mean_of[index] + deviation_of[index] * texture
    blurs = [blur_widths(rng.uniform(*_BLUR_MM), spacing_mm, labels.shape)[axis] for axis in range(3)]
    image = gaussian_filter(image, blurs)
    image *= np.exp(_BIAS * smooth_field(labels.shape, spacing_mm, _BIAS_MM, rng))
    image += rng.uniform(*_NOISE) * rng.standard_normal(labels.shape)
    return np.asarray(np.maximum(image, 0.0), dtype=np.float32)


def smooth_field(
    shape: tuple[int, ...], spacing_mm: Spacing, reach_mm: float, rng: np.random.Generator
) -> FloatArray:
    """Return a random field of deviation 1 that changes over a distance.

    Args:
        shape: of the field, (I, J, K).
        spacing_mm: voxel size along I, J, K.
        reach_mm: the distance.
        rng: draws the field.
    """
    spaced = (round(count * size / reach_mm) + 1 for count, size in zip(shape, spacing_mm, strict=True))
    knots = [max(2, min(count, wanted)) for count, wanted in zip(shape, spaced, strict=True)]
    coarse = rng.standard_normal(knots).astype(np.float32)
    factors = [count / knot for count, knot in zip(shape, knots, strict=True)]
    field: FloatArray = zoom(coarse, factors, order=3, mode="nearest", grid_mode=True)
    return field / max(float(field.std()), 1e-6)
