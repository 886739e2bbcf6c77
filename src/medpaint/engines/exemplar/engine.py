"""The fill that learns from the rest of the scan how tissue goes on: locally weighted regression on exemplars."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from threadpoolctl import ThreadpoolController

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.classical.biharmonic import Biharmonic
from medpaint.engines.exemplar.detail import Block, Detail, Pace, divided
from medpaint.engines.exemplar.places import Scene, View, exemplars, surroundings
from medpaint.engines.exemplar.regression import predicted
from medpaint.engines.exemplar.symmetry import Symmetry, symmetry_of
from medpaint.engines.windows import windows

__all__ = ["Exemplar", "expected_seconds", "sharpened"]

_TRUSTED_MM: Final = 30.0
"""Depth in the hole at which nothing learned is left in the fill; from the rim the share falls linearly."""

_SEAMS_MM: Final = (2.0, 5.0)
"""Depths in the hole from and up to which seams between blocks are smoothed more and more."""

_SMOOTHED_MM: Final = 1.0
"""Standard deviation of that smoothing."""

_FEWEST_EXEMPLARS: Final = 200
"""Exemplars below which a block is left to the smooth fill."""

_EXEMPLARS_EACH: Final = 2
"""Exemplars that there have to be for each voxel that is predicted from; where there are fewer, the farthest of
the voxels are left out."""

_SEEN_MM: Final = 30.0
"""Margin of the crops around the holes that exemplars are looked for in."""

_NEAR_MM: Final = 25.0
"""How far from a block's place exemplars are looked for, in the crop and in its mirror image."""

_ACROSS_MM: Final = 12.0
"""How far from a block's place exemplars are looked for on the other side of the body."""

_LIMITING: Final = Lock()
"""Held while the threads of the linear algebra are limited, which holds for the whole process."""


@final
@dataclass(frozen=True)
class Exemplar:
    """Predicts each block of a hole from the known voxels around it, as the same scan does elsewhere.

    The scan holds thousands of places where both the block and its surroundings are known: near the hole, and at
    its mirror image on the other side of the body. Those that look most like the surroundings of the hole count
    most in a linear regression of the block's voxels on the surroundings, which is then asked for the block that
    is missing. That is the mean that is to be expected given what is known, not a copy of one exemplar, so it is
    sharper than a smooth fill only where the scan is predictable. The deeper a voxel lies in the hole, the more
    the biharmonic fill is blended in, and the smoother is what differs from it, so that no seams show between the
    blocks.

    What cannot be learned is left to the biharmonic fill: a scan without contrast, a block too deep in a large
    hole to have surroundings, too few exemplars, or a hole of more than some hundred millilitres. The fill stays
    in the range of the known voxels around the hole. As many threads work on it as the linear algebra of numpy is
    set to use; the result does not depend on their number.

    After the search for exemplars by Prados et al., NeuroImage 139 (2016), and locally weighted regression by
    Cleveland and Devlin, J. Am. Stat. Assoc. 83 (1988).

    Attributes:
        pace: whether nearness to the truth or speed comes first.
    """

    pace: Pace = "thorough"
    context_mm: float = 150.0

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the smooth fill is not found.
        """
        smooth = Biharmonic().fill(image, mask, spacing_mm=spacing_mm, seed=seed)
        symmetry = symmetry_of(smooth, spacing_mm)
        return sharpened(smooth, mask, symmetry, spacing_mm=spacing_mm, seed=seed, pace=self.pace)


def sharpened(
    smooth: FloatArray,
    mask: Mask,
    symmetry: Symmetry | None,
    *,
    spacing_mm: Spacing,
    seed: int,
    pace: Pace = "thorough",
) -> FloatArray:
    """Return a smooth fill with what the rest of the scan teaches about the holes added to it, (I, J, K).

    Args:
        smooth: the scan, smoothly filled, (I, J, K).
        mask: True = was filled, (I, J, K).
        symmetry: how the scan lies on its mirror image, if it does.
        spacing_mm: voxel size along I, J, K.
        seed: draws the exemplars.
        pace: see `Exemplar`.
    """
    filled = smooth.copy()
    for number, window in enumerate(windows(mask, spacing_mm, _SEEN_MM)):
        hole = mask[window]
        known = smooth[window][~hole].astype(np.float64)
        centre, spread = float(known.mean()), float(known.std())
        if not spread > 1e-9 * abs(centre):
            continue
        scene = _scene(smooth, mask, window, symmetry, spacing_mm).scaled(centre, spread)
        corrected = smooth[window] + spread * _correction(scene, pace, (seed, number))
        filled[window][hole] = np.clip(corrected, known.min(), known.max())[hole]
    return filled


def expected_seconds(mask: Mask, spacing_mm: Spacing, pace: Pace = "thorough") -> float | None:
    """Return how long two cores take for a mask, (I, J, K), about, or None where a hole of it is too large.

    It is 0 where nothing is predicted. The number is made from the blocks, not measured: the same mask always gets
    the same.
    """
    total = 0.0
    for window in windows(mask, spacing_mm, _SEEN_MM):
        depth_mm = distance_transform_edt(mask[window], sampling=spacing_mm)
        trusted = mask[window] & (depth_mm < _TRUSTED_MM)
        found = divided(trusted, spacing_mm, pace, deepest_mm=float(depth_mm.max()))
        if found is None:
            return None
        detail, blocks = found
        total += detail.block_s * len(blocks)
    return total


def _scene(
    values: FloatArray, mask: Mask, window: Window, symmetry: Symmetry | None, spacing_mm: Spacing
) -> Scene:
    """Return the crop around a hole, its mirror image, and the other side of the body where there is one."""
    axis = symmetry.axis if symmetry else int(np.argmax(mask.shape))
    here, hole = values[window], mask[window]
    shown = [(here, ~hole), (np.flip(here, axis), ~np.flip(hole, axis))]
    views = [View(_NEAR_MM), View(_NEAR_MM, flipped=axis)]
    if symmetry:
        shown.append(symmetry.other_side(values, ~mask, window))
        views.append(View(_ACROSS_MM))
    everything, known = (np.stack(arrays) for arrays in zip(*shown, strict=True))
    return Scene.of(everything, known, tuple(views), spacing_mm)


def _correction(scene: Scene, pace: Pace, seeds: tuple[int, ...]) -> FloatArray:
    """Return what to add to the smooth fill in the first view, (I, J, K); 0 where nothing was learned."""
    hole = ~scene.known[0]
    depth_mm = distance_transform_edt(hole, sampling=scene.spacing_mm)
    trusted = hole & (depth_mm < _TRUSTED_MM)
    found = divided(trusted, scene.spacing_mm, pace, deepest_mm=float(depth_mm.max()))
    total, count = np.zeros(hole.shape, np.float32), np.zeros(hole.shape, np.float32)
    if found is None:
        return total
    detail, blocks = found
    for block, learned in zip(blocks, _learned(scene, detail, blocks, seeds), strict=True):
        if learned is not None:
            place = tuple(block.T)
            total[place] += learned - scene.values[0][place]
            count[place] += 1.0
    return _blended(total / np.maximum(count, 1.0), depth_mm, scene.spacing_mm)


def _learned(
    scene: Scene, detail: Detail, blocks: list[Block], seeds: tuple[int, ...]
) -> list[NDArray[np.float32] | None]:
    """Return what is expected in each block, (N,), or None where too little is known to expect anything."""
    controller = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in controller.info()), default=1)

    def one(number: int) -> NDArray[np.float32] | None:
        return _expected(scene, detail, blocks[number], np.random.default_rng((*seeds, number)))

    with _LIMITING, controller.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(len(blocks))))


def _expected(scene: Scene, detail: Detail, block: Block, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Return what is expected in a block, (N,), or None where too little is known."""
    around, distance_mm = surroundings(scene, detail, block)
    if not len(around):
        return None
    query = scene.values[0][tuple(around.T)]
    if np.ptp(query) == 0.0:
        return None
    samples = exemplars(scene, detail, around, block, rng)
    if len(samples) < _FEWEST_EXEMPLARS:
        return None
    count = min(len(query), len(samples) // _EXEMPLARS_EACH)
    samples = np.delete(samples, np.s_[count : len(query)], axis=1)
    return predicted(samples, query[:count], distance_mm[:count])


def _blended(correction: FloatArray, depth_mm: FloatArray, spacing_mm: Spacing) -> FloatArray:
    """Return the part of a correction of the smooth fill, (I, J, K), that is to be trusted."""
    start, end = _SEAMS_MM
    rim_mm = min(*spacing_mm, 0.5 * _TRUSTED_MM)
    smoothed = gaussian_filter(correction, [_SMOOTHED_MM / size for size in spacing_mm])
    share = np.clip((depth_mm - start) / (end - start), 0.0, 1.0)
    trust = np.clip((_TRUSTED_MM - depth_mm) / (_TRUSTED_MM - rim_mm), 0.0, 1.0) * (depth_mm > 0.0)
    blended: FloatArray = (trust * (correction + share * (smoothed - correction))).astype(correction.dtype)
    return blended
