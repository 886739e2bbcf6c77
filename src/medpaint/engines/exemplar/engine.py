"""The fill that predicts tissue from similar places in the scan: locally weighted regression on exemplars."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from threadpoolctl import ThreadpoolController

from medpaint.core.boxes import bounding_box, grown, whole
from medpaint.core.geometry import blur_widths
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.base import Fill, Hole, Known
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.exemplar.detail import Block, Detail, Pace, divided
from medpaint.engines.exemplar.places import exemplars
from medpaint.engines.exemplar.regression import predicted
from medpaint.engines.exemplar.scene import Scene, View, surroundings
from medpaint.engines.exemplar.symmetry import Symmetry, symmetry_of
from medpaint.engines.images import Image, Overlaid, values_at
from medpaint.engines.windows import windows

__all__ = ["Exemplar", "expected_seconds", "sharpened"]

_TRUSTED_MM: Final = 30.0
"""Depth in the hole at which the learned share of the fill reaches zero; it falls linearly from the rim."""

_SEAMS_MM: Final = (2.0, 5.0)
"""Depths in the hole between which the smoothing of seams between blocks increases from none to full."""

_SMOOTHED_MM: Final = 1.0
"""Standard deviation of that smoothing."""

_BLUR_REACH: Final = 4.0
"""Reach of that smoothing in standard deviations."""

_FEWEST_EXEMPLARS: Final = 200
"""Exemplars below which a block is left to the smooth fill."""

_EXEMPLARS_EACH: Final = 2
"""Exemplars needed for each voxel that a block is predicted from; with fewer, the farthest voxels are dropped."""

_SEEN_MM: Final = 30.0
"""Margin around the holes of the crops in which exemplars are searched for."""

_NEAR_MM: Final = 25.0
"""How far from a block's place exemplars are searched for, in the crop and in its mirror image."""

_ACROSS_MM: Final = 12.0
"""How far from a block's place exemplars are searched for on the other side of the body."""

_LIMITING: Final = Lock()
"""Held while the threads of the linear algebra are limited, because the limit applies to the whole process."""


@final
@dataclass(frozen=True)
class Exemplar:
    """Predicts each block of a hole from the known voxels around it, learning from similar places in the scan.

    There are thousands of places where both a block and its surroundings are known: near the hole, and at
    its mirror image on the other side of the body. The block's voxels are regressed linearly on the surroundings;
    places that look most like the surroundings of the hole have the largest weights. The prediction is the
    expected mean given what is known, not a copy of one exemplar, so it is sharper than a smooth fill only where
    the scan is predictable. The deeper a voxel lies in the hole, the more of the biharmonic fill is blended in,
    and the more the difference from it is smoothed, so that no seams show between the blocks.

    What cannot be learned is left to the biharmonic fill, and reported as such: a scan without contrast, a block
    too deep in a large hole to have surroundings, too few exemplars, or a hole of more than a few hundred
    millilitres. The fill stays within the range of the known voxels around the hole. It uses as many threads as
    numpy's linear algebra is set to use; the result does not depend on their number.

    After the search for exemplars by Prados et al., NeuroImage 139 (2016), and locally weighted regression by
    Cleveland and Devlin, J. Am. Stat. Assoc. 83 (1988).

    Attributes:
        pace: whether accuracy or speed comes first.
    """

    pace: Pace = "thorough"
    context_mm: float = 150.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the learned fill; see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
        """
        smooth = fill_biharmonic(hole.image, hole.mask, hole.spacing_mm)
        symmetry = symmetry_of(smooth, hole.spacing_mm)
        filled, learned = sharpened(
            smooth,
            hole.mask,
            symmetry,
            spacing_mm=hole.spacing_mm,
            seed=seed,
            pace=self.pace,
            void=hole.void,
        )
        filled_by = np.where(learned[hole.mask], 0, 1).astype(np.uint8)
        stages = {"biharmonic": values_at(smooth, hole.mask)}
        values = values_at(filled, hole.mask)[np.newaxis]
        return Fill(values, ("exemplar", "biharmonic"), filled_by, stages=stages)


def sharpened(
    smooth: Image,
    mask: Mask,
    symmetry: Symmetry | None,
    *,
    spacing_mm: Spacing,
    seed: int,
    pace: Pace = "thorough",
    void: Mask | None = None,
) -> tuple[Image, Mask]:
    """Add to a smooth fill what can be learned about the holes from the rest of the scan.

    Args:
        smooth: the scan, smoothly filled, (I, J, K).
        mask: True = was filled, (I, J, K).
        symmetry: how the scan maps onto its mirror image; None where it has no symmetry.
        spacing_mm: voxel size along I, J, K.
        seed: draws the exemplars.
        pace: see `Exemplar`.
        void: True = outside the image, (I, J, K), where nothing can be learned; None if there is none.

    Returns:
        The scan with the sharper fill, and where anything was learned, both (I, J, K).
    """
    pieces, learned = [], np.zeros(mask.shape, dtype=bool)
    known = Known(mask, void)
    for number, window in enumerate(windows(mask, spacing_mm, _SEEN_MM)):
        hole, filled = mask[window], smooth[window].copy()
        measured = filled[known[window]].astype(np.float64)
        centre, spread = float(measured.mean()), float(measured.std())
        if not spread > 1e-9 * abs(centre):
            continue
        scene = _scene(smooth, known, window, symmetry, spacing_mm).scaled(centre, spread)
        correction, learned[window] = _correction(scene, hole, pace, (seed, number))
        corrected = filled + spread * correction
        filled[hole] = np.clip(corrected, measured.min(), measured.max())[hole]
        pieces.append((window, filled))
    return Overlaid(smooth, pieces), learned


def expected_seconds(mask: Mask, spacing_mm: Spacing, pace: Pace = "thorough") -> float | None:
    """Estimate the seconds that two cores take for a mask, (I, J, K); None where one of its holes is too large.

    The estimate is 0 where nothing is predicted. It is computed from the blocks, not measured, so the same mask
    always gets the same estimate.
    """
    total = 0.0
    for window in windows(mask, spacing_mm, _SEEN_MM):
        depth_mm = _depths(mask[window], spacing_mm)
        trusted = mask[window] & (depth_mm < _TRUSTED_MM)
        found = divided(trusted, spacing_mm, pace, deepest_mm=float(depth_mm.max()))
        if found is None:
            return None
        detail, blocks = found
        total += detail.block_s * len(blocks)
    return total


def _scene(values: Image, known: Known, window: Window, symmetry: Symmetry | None, spacing_mm: Spacing) -> Scene:
    """Return the crop around a hole, its mirror image, and the other side of the body if the scan has one."""
    axis = symmetry.axis if symmetry else int(np.argmax(known.shape))
    here, certain = values[window], known[window]
    shown = [(here, certain), (np.flip(here, axis), np.flip(certain, axis))]
    views = [View(_NEAR_MM), View(_NEAR_MM, flipped=axis)]
    if symmetry:
        shown.append(symmetry.other_side(values, known, window))
        views.append(View(_ACROSS_MM))
    everything, measured = (np.stack(arrays) for arrays in zip(*shown, strict=True))
    return Scene.of(everything, measured, tuple(views), spacing_mm)


def _correction(scene: Scene, hole: Mask, pace: Pace, seeds: tuple[int, ...]) -> tuple[FloatArray, Mask]:
    """Return what to add to the smooth fill in the first view, and where anything was learned, both (I, J, K)."""
    depth_mm = _depths(hole, scene.spacing_mm)
    trusted = hole & (depth_mm < _TRUSTED_MM)
    found = divided(trusted, scene.spacing_mm, pace, deepest_mm=float(depth_mm.max()))
    total, count = np.zeros(hole.shape, np.float32), np.zeros(hole.shape, np.float32)
    if found is None:
        return total, count > 0.0
    detail, blocks = found
    for block, learned in zip(blocks, _learned(scene, detail, blocks, seeds), strict=True):
        if learned is not None:
            place = tuple(block.T)
            total[place] += learned - scene.values[0][place]
            count[place] += 1.0
    return _blended(total / np.maximum(count, 1.0), depth_mm, scene.spacing_mm), count > 0.0


def _learned(
    scene: Scene, detail: Detail, blocks: list[Block], seeds: tuple[int, ...]
) -> list[NDArray[np.float32] | None]:
    """Return the prediction for each block, (N,), or None where too little is known for one."""
    controller = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in controller.info()), default=1)

    def one(number: int) -> NDArray[np.float32] | None:
        return _expected(scene, detail, blocks[number], np.random.default_rng((*seeds, number)))

    with _LIMITING, controller.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(len(blocks))))


def _expected(scene: Scene, detail: Detail, block: Block, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Return the prediction for a block, (N,), or None where too little is known for one."""
    around, distance_mm = surroundings(scene, detail, block)
    if not len(around):
        return None
    query = scene.values[0][tuple(around.T)]
    if np.ptp(query) == 0.0:
        return None
    samples = exemplars(scene, detail, around, block, rng)
    found = samples.shape[1]
    if found < _FEWEST_EXEMPLARS:
        return None
    count = min(len(query), found // _EXEMPLARS_EACH)
    if count < len(query):
        samples = np.delete(samples, np.s_[count : len(query)], axis=0)
    return predicted(samples, query[:count], distance_mm[:count])


def _blended(correction: FloatArray, depth_mm: FloatArray, spacing_mm: Spacing) -> FloatArray:
    """Return a correction of the smooth fill, (I, J, K), reduced where it is trusted less."""
    widths = blur_widths(_SMOOTHED_MM, spacing_mm, correction.shape)
    i, j, k = (ceil(_BLUR_REACH * width) + 1 for width in widths)
    box = _around(depth_mm > 0.0, (i, j, k))
    depth_mm, blended = depth_mm[box], np.zeros_like(correction)
    start, end = _SEAMS_MM
    rim_mm = min(*spacing_mm, 0.5 * _TRUSTED_MM)
    smoothed = gaussian_filter(correction[box], widths, truncate=_BLUR_REACH)
    share = np.clip((depth_mm - start) / (end - start), 0.0, 1.0)
    trust = np.clip((_TRUSTED_MM - depth_mm) / (_TRUSTED_MM - rim_mm), 0.0, 1.0) * (depth_mm > 0.0)
    blended[box] = trust * (correction[box] + share * (smoothed - correction[box]))
    return blended


def _depths(hole: Mask, spacing_mm: Spacing) -> FloatArray:
    """Return the distance in mm from each voxel of a hole to the nearest one outside; 0 there, (I, J, K)."""
    depths, box = np.zeros(hole.shape), _around(hole, (1, 1, 1))
    depths[box] = distance_transform_edt(hole[box], sampling=spacing_mm)
    return depths


def _around(hole: Mask, margin: tuple[int, int, int]) -> Window:
    """Return the box around a hole, (I, J, K), with a margin in voxels; everything if there is no hole."""
    return grown(bounding_box(hole) or whole(hole.shape), margin, hole.shape)
