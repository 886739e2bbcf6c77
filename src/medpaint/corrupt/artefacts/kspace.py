"""Between images and k-space: the few operations that artefacts of MR are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import Array, FloatArray

__all__ = ["Complex", "complex_noise", "magnitude", "shifted"]

Complex = NDArray[np.complexfloating]
"""An image before its magnitude is taken, or its k-space."""


def magnitude(image: Complex, clean: FloatArray) -> FloatArray:
    """Return the magnitudes of an image; the real part where the clean scan is below zero.

    A magnitude has no sign, but resampling and corrections leave some values below zero in real scans.

    Args:
        image: any shape.
        clean: intensities of the clean scan, of the same shape.
    """
    values: FloatArray = np.where(clean < 0.0, image.real, np.abs(image)).astype(clean.dtype)
    return values


def complex_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Complex:
    """Return noise of standard deviation 1 in each of the two channels of a receiver.

    The magnitude of a signal with such noise has the Rician distribution (Gudbjartsson and Patz, 1995).
    """
    real, imaginary = rng.standard_normal((2, *shape))
    noise: Complex = real + 1j * imaginary
    return noise


def shifted(image: Array, distance: FloatArray | float, axis: int) -> Complex:
    """Return an image moved along an axis by a phase ramp in k-space; what leaves on one side enters on the other.

    Args:
        image: real or complex, of any shape.
        distance: in voxels; a number, or an array that broadcasts to the image's shape with 1 along `axis`.
        axis: which one.
    """
    from scipy.fft import fft, fftfreq, ifft

    count = image.shape[axis]
    frequency = fftfreq(count).reshape([-1 if other == axis else 1 for other in range(image.ndim)])
    ramp = np.exp(-2j * np.pi * frequency * distance).astype(np.complex64)
    moved: Complex = ifft(fft(image, axis=axis) * ramp, axis=axis)
    return moved
