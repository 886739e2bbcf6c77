"""OpenCV's two classical 2D fills, made safe for intensities of any range.

OpenCV adds a term of up to about 1.4 grey levels to every pixel that Telea's method fills, whatever the range of
the image is: on images in [0, 1] it drowns the tissue. Intensities are therefore stretched to a range in which
that term does not matter, and scaled back. Pixels are treated as square; spacing only converts the radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import cv2
import numpy as np

from medpaint.core.errors import UsageError
from medpaint.core.types import FloatArray, Mask

__all__ = ["NavierStokes", "Telea"]

_WIDEST: Final = 100.0

_RANGE: Final = 65535.0
"""Width of the range that OpenCV sees, in its grey levels."""


@final
@dataclass(frozen=True)
class Telea:
    """Marches inwards from the rim and averages the known pixels within a radius.

    A. Telea: An image inpainting technique based on the fast marching method. J. Graphics Tools 9 (2004) 23-34.

    Attributes:
        radius_mm: neighbourhood that each filled pixel is averaged over.
    """

    radius_mm: float = 3.0

    def __post_init__(self) -> None:
        """Check the radius."""
        _check_radius(self.radius_mm)

    @property
    def context_mm(self) -> float:
        """The neighbourhood of the rim pixels that are averaged, mm."""
        return 2.0 * self.radius_mm

    def fill_slice(
        self, image: FloatArray, mask: Mask, *, spacing_mm: tuple[float, float], seed: int
    ) -> FloatArray:
        """Return `image` with the mask filled, (J, K); see `SliceEngine`."""
        del seed
        return _inpaint(image, mask, _pixels(self.radius_mm, spacing_mm), cv2.INPAINT_TELEA)


@final
@dataclass(frozen=True)
class NavierStokes:
    """Marches inwards from the rim and continues lines of equal intensity.

    M. Bertalmio, A. L. Bertozzi, G. Sapiro: Navier-Stokes, fluid dynamics, and image and video inpainting.
    CVPR (2001) I-355-362.

    Attributes:
        radius_mm: neighbourhood that each filled pixel is averaged over.
    """

    radius_mm: float = 3.0

    def __post_init__(self) -> None:
        """Check the radius."""
        _check_radius(self.radius_mm)

    @property
    def context_mm(self) -> float:
        """The neighbourhood of the rim pixels that are averaged, mm."""
        return 2.0 * self.radius_mm

    def fill_slice(
        self, image: FloatArray, mask: Mask, *, spacing_mm: tuple[float, float], seed: int
    ) -> FloatArray:
        """Return `image` with the mask filled, (J, K); see `SliceEngine`."""
        del seed
        return _inpaint(image, mask, _pixels(self.radius_mm, spacing_mm), cv2.INPAINT_NS)


def _check_radius(radius_mm: float) -> None:
    """Refuse a radius that is not a positive number."""
    if not 0.0 < radius_mm < np.inf:
        message = f"expected radius_mm to be a positive number of millimetres, got {radius_mm}"
        raise UsageError(message)


def _pixels(radius_mm: float, spacing_mm: tuple[float, float]) -> float:
    """Return the radius in pixels of the mean size, at least one, and at most OpenCV's own limit."""
    return min(max(1.0, radius_mm / float(np.sqrt(spacing_mm[0] * spacing_mm[1]))), _WIDEST)


def _inpaint(image: FloatArray, mask: Mask, radius: float, method: int) -> FloatArray:
    """Return `image` with the mask filled by OpenCV in float32, kept within the range of the known pixels."""
    known = image[~mask].astype(np.float64)
    lowest, highest = known.min(), known.max()
    width = highest - lowest
    if width == 0.0:
        return np.full_like(image, lowest)
    stretched = np.full(image.shape, 0.0, dtype=np.float32)
    stretched[~mask] = (known - lowest) * (_RANGE / width)
    painted = cv2.inpaint(stretched, mask.astype(np.uint8), radius, method)
    restored = painted.astype(np.float64) * (width / _RANGE) + lowest
    filled: FloatArray = np.clip(restored, lowest, highest).astype(image.dtype)
    return filled
