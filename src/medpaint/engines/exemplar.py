"""The fill that learns from the rest of the scan how tissue goes on: locally weighted regression on exemplars."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from threadpoolctl import ThreadpoolController

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.biharmonic import Biharmonic
from medpaint.engines.exemplars import Scene, View, exemplars, surroundings
from medpaint.engines.regression import predicted
from medpaint.engines.symmetry import Symmetry, symmetry_of
from medpaint.engines.windows import windows

__all__ = ["Exemplar", "block_count"]

_LATTICES: Final = ((4.0, 2, 1000), (6.0, 2, 1000), (6.0, 1, 6000))
"""Edge in mm of the blocks that are predicted together, how many divisions of the hole into blocks are averaged,
and for how many blocks at most; the first that fits is taken. Larger holes are left to the smooth fill."""

_LONGEST_EDGE: Final = 8
"""Edge of a block in voxels, at most."""

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

Block = NDArray[np.int64]
"""Voxel indices in a crop, (N, 3)."""


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
    """

    context_mm: float = 150.0

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the smooth fill is not found.
        """
        filled = Biharmonic().fill(image, mask, spacing_mm=spacing_mm, seed=seed)
        symmetry = symmetry_of(filled, spacing_mm)
        for number, window in enumerate(windows(mask, spacing_mm, _SEEN_MM)):
            hole = mask[window]
            known = image[window][~hole].astype(np.float64)
            centre, spread = float(known.mean()), float(known.std())
            if not spread > 1e-9 * abs(centre):
                continue
            scene = _scene(filled, mask, window, symmetry, spacing_mm).scaled(centre, spread)
            corrected = filled[window] + spread * _correction(scene, (seed, number))
            filled[window][hole] = np.clip(corrected, known.min(), known.max())[hole]
        return filled


def block_count(mask: Mask, spacing_mm: Spacing) -> int | None:
    """Return how many blocks a mask, (I, J, K), is predicted in, or None where a hole of it has too many."""
    total = 0
    for window in windows(mask, spacing_mm, _SEEN_MM):
        depth_mm = distance_transform_edt(mask[window], sampling=spacing_mm)
        blocks = _blocks(mask[window] & (depth_mm < _TRUSTED_MM), spacing_mm)
        if blocks is None:
            return None
        total += len(blocks)
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
    return Scene(everything, known, tuple(views), spacing_mm)


def _correction(scene: Scene, seeds: tuple[int, ...]) -> FloatArray:
    """Return what to add to the smooth fill in the first view, (I, J, K); 0 where nothing was learned."""
    hole = ~scene.known[0]
    depth_mm = distance_transform_edt(hole, sampling=scene.spacing_mm)
    blocks = _blocks(hole & (depth_mm < _TRUSTED_MM), scene.spacing_mm) or []
    total, count = np.zeros(hole.shape, np.float32), np.zeros(hole.shape, np.float32)
    for block, learned in zip(blocks, _learned(scene, blocks, seeds), strict=True):
        if learned is not None:
            place = tuple(block.T)
            total[place] += learned - scene.values[0][place]
            count[place] += 1.0
    return _blended(total / np.maximum(count, 1.0), depth_mm, scene.spacing_mm)


def _blocks(mask: Mask, spacing_mm: Spacing) -> list[Block] | None:
    """Return the voxels of the blocks of a mask, each voxel in one block of every division; None if too many."""
    voxels = np.argwhere(mask)
    if not len(voxels):
        return []
    for edge_mm, divisions, most in _LATTICES:
        edge = np.clip(np.rint(edge_mm / np.asarray(spacing_mm)), 1, _LONGEST_EDGE).astype(np.int64)
        if len(voxels) > most * edge.prod():
            continue
        blocks = list(_divided(voxels, edge, np.zeros(3, dtype=np.int64)))
        if divisions > 1 and (edge > 1).any():
            blocks += _divided(voxels, edge, edge // 2)
        if len(blocks) <= most:
            return blocks
    return None


def _divided(voxels: Block, edge: NDArray[np.int64], shift: NDArray[np.int64]) -> Iterator[Block]:
    """Yield the voxels of each block of a lattice with `edge`, moved by `shift`, both (3,)."""
    cells = (voxels - voxels.min(axis=0) + shift) // edge
    number = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
    order = np.argsort(number, kind="stable")
    yield from np.split(voxels[order], np.flatnonzero(np.diff(number[order])) + 1)


def _learned(scene: Scene, blocks: list[Block], seeds: tuple[int, ...]) -> list[NDArray[np.float32] | None]:
    """Return what is expected in each block, (N,), or None where too little is known to expect anything."""
    controller = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in controller.info()), default=1)

    def one(number: int) -> NDArray[np.float32] | None:
        return _expected(scene, blocks[number], np.random.default_rng((*seeds, number)))

    with _LIMITING, controller.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(len(blocks))))


def _expected(scene: Scene, block: Block, rng: np.random.Generator) -> NDArray[np.float32] | None:
    """Return what is expected in a block, (N,), or None where too little is known."""
    around, distance_mm = surroundings(scene, block)
    if not len(around):
        return None
    query = scene.values[0][tuple(around.T)]
    if np.ptp(query) == 0.0:
        return None
    samples = exemplars(scene, around, block, rng)
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
