"""The fill that learns from the rest of the scan how tissue goes on: locally weighted regression on exemplars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.biharmonic import Biharmonic
from medpaint.engines.exemplars import Scene, exemplars, surroundings
from medpaint.engines.regression import predicted

__all__ = ["Exemplar"]

_BLOCK_MM: Final = 6.0
"""Edge of the blocks of a hole that are predicted together."""

_MOST_BLOCKS: Final = 600
"""Blocks beyond which a hole is left to the smooth fill."""

_TRUSTED_MM: Final = 10.0
"""Depth in the hole at which nothing learned is left in the fill; from the rim the share falls linearly."""

_SEAMS_MM: Final = (2.0, 5.0)
"""Depths in the hole from and up to which seams between blocks are smoothed more and more."""

_SMOOTHED_MM: Final = 2.0
"""Standard deviation of that smoothing."""

_FEWEST_EXEMPLARS: Final = 200
"""Exemplars below which a block is left to the smooth fill."""


@final
@dataclass(frozen=True)
class Exemplar:
    """Predicts each block of a hole from the known voxels around it, as the same scan does elsewhere.

    The scan holds thousands of places where both the block and its surroundings are known. Those that look most
    like the surroundings of the hole count most in a linear regression of the block's voxels on the surroundings,
    which is then asked for the block that is missing. That is the mean that is to be expected given what is
    known, not a copy of one exemplar, so it is sharper than a smooth fill only where the scan is predictable. The
    deeper a voxel lies in the hole, the more the biharmonic fill is blended in, and the smoother is what differs
    from it, so that no seams show between the blocks.

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
        smooth = Biharmonic().fill(image, mask, spacing_mm=spacing_mm, seed=seed)
        known = image[~mask].astype(np.float64)
        centre, spread = known.mean(), known.std()
        depth_mm = distance_transform_edt(mask, sampling=spacing_mm)
        blocks = list(_blocks(mask & (depth_mm < _TRUSTED_MM), spacing_mm))
        if not spread > 1e-9 * abs(centre) or len(blocks) > _MOST_BLOCKS:
            return smooth
        values = (np.where(mask, centre, image) - centre) / spread
        scene = Scene(values.astype(np.float32), ~mask, spacing_mm, self.context_mm)
        correction = np.zeros(image.shape, dtype=image.dtype)
        for number, block in enumerate(blocks):
            learned = _learned(scene, block, np.random.default_rng((seed, number)))
            if learned is not None:
                place = tuple(block.T)
                correction[place] = learned * spread + centre - smooth[place]
        correction = _blended(correction, depth_mm, spacing_mm)
        filled: FloatArray = np.clip(smooth + correction, known.min(), known.max()).astype(image.dtype)
        return filled


def _blocks(mask: Mask, spacing_mm: Spacing) -> Iterator[NDArray[np.int64]]:
    """Yield the voxels of each block of a mask, (N, 3)."""
    voxels = np.argwhere(mask)
    if not len(voxels):
        return
    edge = np.maximum(1, np.rint(_BLOCK_MM / np.asarray(spacing_mm))).astype(np.int64)
    _, block = np.unique((voxels - voxels.min(axis=0)) // edge, axis=0, return_inverse=True)
    order = np.argsort(block.ravel(), kind="stable")
    yield from np.split(voxels[order], np.cumsum(np.bincount(block.ravel()))[:-1])


def _blended(correction: FloatArray, depth_mm: FloatArray, spacing_mm: Spacing) -> FloatArray:
    """Return the part of a correction of the smooth fill, (I, J, K), that is to be trusted."""
    start, end = _SEAMS_MM
    rim_mm = min(*spacing_mm, 0.5 * _TRUSTED_MM)
    smoothed = gaussian_filter(correction, [_SMOOTHED_MM / size for size in spacing_mm])
    share = np.clip((depth_mm - start) / (end - start), 0.0, 1.0)
    trust = np.clip((_TRUSTED_MM - depth_mm) / (_TRUSTED_MM - rim_mm), 0.0, 1.0) * (depth_mm > 0.0)
    blended: FloatArray = (trust * (correction + share * (smoothed - correction))).astype(correction.dtype)
    return blended


def _learned(scene: Scene, block: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Return what is expected in the block, (N,), or None where too little is known to expect anything."""
    around, distance_mm = surroundings(scene, block)
    if not len(around):
        return None
    query = scene.values[tuple(around.T)]
    samples = exemplars(scene, around, block, rng)
    if len(samples) < _FEWEST_EXEMPLARS:
        return None
    return predicted(samples, query, distance_mm)
