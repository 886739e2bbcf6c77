"""The fill that learns from the rest of the scan how tissue goes on: locally weighted regression on exemplars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.biharmonic import Biharmonic
from medpaint.engines.exemplars import Scene, exemplars, surroundings
from medpaint.engines.regression import predicted

__all__ = ["Exemplar"]

_BLOCK_MM: Final = 6.0
"""Edge of the blocks of a hole that are predicted together."""

_MOST_BLOCKS: Final = 600
"""Blocks beyond which a hole is left to the smooth fill."""

_FADE_MM: Final = 8.0
"""Depth in the hole over which the trust in what was learned falls to 1/e, against the smooth fill."""

_FEWEST_EXEMPLARS: Final = 200
"""Exemplars below which a block is left to the smooth fill."""


@final
@dataclass(frozen=True)
class Exemplar:
    """Predicts each block of a hole from the known voxels around it, as the same scan does elsewhere.

    The scan holds thousands of places where both the block and its surroundings are known. Those that look most
    like the surroundings of the hole count most in a linear regression of the block's voxels on the surroundings,
    which is then asked for the block that is missing. That is the mean that is to be expected given what is
    known, not a copy of one exemplar, so it is sharper than a smooth fill only where the scan is predictable; it
    is blended with the biharmonic fill the more, the deeper a voxel lies in the hole.

    What cannot be learned is left to the biharmonic fill: a scan without contrast, a block too deep in a large
    hole to have surroundings, too few exemplars, or a hole of more than several hundred blocks, such as whole
    slices. The fill stays in the range of the known voxels.

    After the search for exemplars by Prados et al., NeuroImage 139 (2016), and locally weighted regression by
    Cleveland and Devlin, J. Am. Stat. Assoc. 83 (1988).
    """

    context_mm: float = 25.0

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the smooth fill is not found.
        """
        filled = Biharmonic().fill(image, mask, spacing_mm=spacing_mm, seed=seed)
        known = image[~mask].astype(np.float64)
        centre, spread = known.mean(), known.std()
        blocks = list(_blocks(mask, spacing_mm))
        if not spread > 1e-9 * abs(centre) or len(blocks) > _MOST_BLOCKS:
            return filled
        values = np.where(mask, 0.0, (np.where(mask, 0.0, image) - centre) / spread).astype(np.float32)
        trust = _trust(mask, spacing_mm)
        scene = Scene(values, ~mask, spacing_mm, self.context_mm)
        for number, block in enumerate(blocks):
            guess = _guess(scene, block, np.random.default_rng((seed, number)))
            if guess is not None:
                place = tuple(block.T)
                learned = np.clip(guess * spread + centre, known.min(), known.max())
                filled[place] += trust[place] * (learned - filled[place])
        return filled


def _blocks(mask: Mask, spacing_mm: Spacing) -> Iterator[NDArray[np.int64]]:
    """Yield the voxels of each block of a mask, (N, 3)."""
    voxels = np.argwhere(mask)
    edge = np.maximum(1, np.rint(_BLOCK_MM / np.asarray(spacing_mm))).astype(np.int64)
    _, block = np.unique((voxels - voxels.min(axis=0)) // edge, axis=0, return_inverse=True)
    order = np.argsort(block.ravel(), kind="stable")
    yield from np.split(voxels[order], np.cumsum(np.bincount(block.ravel()))[:-1])


def _trust(mask: Mask, spacing_mm: Spacing) -> FloatArray:
    """Return how much of the way from the smooth fill to what was learned each voxel goes, (I, J, K)."""
    depth = distance_transform_edt(mask, sampling=spacing_mm)
    trust: FloatArray = np.exp(-np.maximum(depth - min(spacing_mm), 0.0) / _FADE_MM)
    return trust


def _guess(scene: Scene, block: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Return what is expected in the block, (N,), or None where too little is known to expect anything."""
    around, distance_mm = surroundings(scene, block)
    if not len(around):
        return None
    query = scene.values[tuple(around.T)]
    samples = exemplars(scene, around, block, rng)
    if len(samples) < _FEWEST_EXEMPLARS:
        return None
    return predicted(samples, query, distance_mm)
