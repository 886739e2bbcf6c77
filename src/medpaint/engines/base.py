"""The contracts that engines keep."""

from __future__ import annotations

from typing import Protocol

from medpaint.core.types import FloatArray, Mask, Spacing

__all__ = ["Engine", "SliceEngine"]


class Engine(Protocol):
    """Fills the masked voxels of an image."""

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engine wants to see, in millimetres.

        Callers hand over crops with at least that margin, and never fewer than two voxels, where the scan has
        them.
        """
        ...

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return an array like `image` whose masked voxels are filled.

        Args:
            image: intensities, (I, J, K), float32 or float64, finite outside the mask; what stands inside
                the mask is not to be used. A 2D image has one axis of length 1.
            mask: True = fill, (I, J, K); at least one voxel is True and at least one is False.
            spacing_mm: voxel size along I, J, K.
            seed: for engines that draw random numbers; the others ignore it.

        Returns:
            A new array of `image`'s shape and dtype, finite inside the mask. Voxels outside the mask are
            unspecified. `image` and `mask` are left as they were. The same input and seed give the same
            output on the CPU.
        """
        ...


class SliceEngine(Protocol):
    """Fills the masked pixels of one slice; `medpaint.engines.slicing` makes an `Engine` of it."""

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engine wants to see in the slice, in millimetres."""
        ...

    def fill_slice(
        self, image: FloatArray, mask: Mask, *, spacing_mm: tuple[float, float], seed: int
    ) -> FloatArray:
        """Return an array like `image` whose masked pixels are filled.

        Args:
            image: intensities, (J, K), float32 or float64, finite outside the mask; what stands inside the
                mask is not to be used.
            mask: True = fill, (J, K); at least one pixel is True and at least one is False.
            spacing_mm: pixel size along the two axes.
            seed: for engines that draw random numbers; the others ignore it.

        Returns:
            A new array of `image`'s shape and dtype, under the promises of `Engine.fill`.
        """
        ...
