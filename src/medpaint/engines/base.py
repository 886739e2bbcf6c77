"""The contracts of engines: what they are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.images import Image

__all__ = ["Engine", "Fill", "Hole", "Known", "SliceEngine", "known_voxels"]


def known_voxels(mask: Mask, void: Mask | None) -> Mask:
    """Return which voxels are known, (I, J, K): those neither masked nor outside the image."""
    return ~mask if void is None else ~(mask | void)


@final
@dataclass(frozen=True, eq=False)
class Known:
    """Which voxels are known, read window by window like a mask.

    Attributes:
        mask: True = fill, (I, J, K).
        void: True = outside the image, (I, J, K); None if the image is everywhere.
    """

    mask: Mask
    void: Mask | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along I, J, K."""
        return self.mask.shape

    def __getitem__(self, window: Window) -> Mask:
        """Return which voxels of a window are known, (I, J, K)."""
        return known_voxels(self.mask[window], None if self.void is None else self.void[window])


@dataclass(frozen=True, eq=False)
class Hole:
    """What an engine is asked to fill.

    Attributes:
        image: intensities, (I, J, K), float32 or float64, finite outside the mask; values inside the mask carry
            no information. A 2D image has one axis of length 1. It is read window by window, or as an array by
            ``np.asarray``, which may take more memory than all else if the context is wide.
        mask: True = fill, (I, J, K); at least one voxel is True and at least one is False.
        spacing_mm: voxel size along I, J, K, in millimetres at human scale; see `medpaint.core.scale`.
        void: True = outside the image, such as padding, (I, J, K); None if there is none. Nothing is known there,
            and no fill is wanted. Close to what has to be filled it is masked too; elsewhere `image` has
            placeholders, which are not tissue to learn from.
        references: other contrasts or time points of the same person on the same grid, each (I, J, K), finite.
    """

    image: Image
    mask: Mask
    spacing_mm: Spacing
    void: Mask | None = None
    references: tuple[FloatArray, ...] = ()


@dataclass(frozen=True, eq=False)
class Fill:
    """What an engine answers.

    Attributes:
        values: intensities of the masked voxels in C order, (S, N): S samples over N voxels, finite, of the
            image's dtype.
        fillers: names of what filled the voxels: the engine itself, and what it left part of the hole to.
        filled_by: for each voxel, which of `fillers` filled it, (N,).
        device: where a network ran, as torch names it; cpu where none did.
        weights_sha256: hash of the network's weights; empty unless a network filled something.
        stages: simpler fills that this one was made from, by the engine that makes them, (N,) each.
    """

    values: FloatArray
    fillers: tuple[str, ...]
    filled_by: NDArray[np.uint8]
    device: str = "cpu"
    weights_sha256: str = ""
    stages: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def by(cls, filler: str, values: FloatArray) -> Fill:
        """Return a fill of one sample, (N,), made by one filler throughout."""
        return cls(values[np.newaxis], (filler,), np.zeros(values.shape, np.uint8))


class Engine(Protocol):
    """Fills the masked voxels of an image."""

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engine wants to see, in millimetres.

        Callers pass crops with at least that margin, and never less than two voxels, where the scan has them.
        """
        ...

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return values for the masked voxels, and what filled each of them.

        The hole's arrays are not changed. The same hole and seed give the same fill on the CPU.

        Args:
            hole: the image, its mask and its grid.
            seed: for engines that draw random numbers; the others ignore it.
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
            image: intensities, (J, K), float32 or float64, finite outside the mask; values inside the mask carry
                no information.
            mask: True = fill, (J, K); at least one pixel is True and at least one is False.
            spacing_mm: pixel size along the two axes.
            seed: for engines that draw random numbers; the others ignore it.

        Returns:
            A new array of `image`'s shape and dtype, finite, with the guarantees of `Engine.fill`.
        """
        ...
