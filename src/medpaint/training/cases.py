"""Damaged scans, and the patches around their holes from which a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from medpaint.core.boxes import grown
from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.types import FloatArray, Mask, Window
from medpaint.corrupt import LesionShape, kinds
from medpaint.engines.gaps import MOST_LOST, lost_axis
from medpaint.engines.learned.beside import beside_gap
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.resampling import resampled, working_shape, working_size
from medpaint.engines.learned.start import Start
from medpaint.training.recipe import Holes, Pairs, Recipe
from medpaint.training.scans import Part, Scan, Whole, read_whole
from medpaint.training.variation import varied

__all__ = ["Case", "damaged", "make_case"]

_TRIES: Final = 8
"""Number of times that a scan and holes are drawn for one case before it fails."""

_LARGEST: Final = 0.5
"""Largest share of the tissue that a case's holes may cover."""

_THICK: Final = 1.5
"""Ratio of a voxel's longest to its shortest edge above which slices are cut across the longest."""

_Drawn = TypeVar("_Drawn")


@dataclass(frozen=True, eq=False)
class Case:
    """The patches of one damaged scan.

    Attributes:
        patches: channels of the input, then what is to be added to the first of them, (P, C + 1, ...); float16 is
            precise enough.
        person: who was scanned.
        kind: kind and size of the holes, for people.
    """

    patches: FloatArray
    person: str
    kind: str


def make_case(
    recipe: Recipe, scans: Sequence[Scan], data: Path, shapes: Sequence[LesionShape], *, part: Part, number: int
) -> Case:
    """Draw a scan and holes, damage it, make the first fill, and cut patches around the holes.

    The recipe's seed, the part and the number determine everything.

    Args:
        recipe: the training.
        scans: the scans to draw from.
        data: folder of the data.
        shapes: lesions for the kind ``lesion``.
        part: training or validation.
        number: of the case, counted from 0.

    Raises:
        InputError: no drawn holes fit.
    """
    rng = np.random.default_rng((recipe.seed, part == "validation", number))
    own = [scan for scan in scans if scan.part == part]
    reason = ""
    for _ in range(_TRIES):
        scan, holes = _drawn_scan(own, rng), _drawn(recipe.holes, [one.weight for one in recipe.holes], rng)
        try:
            whole = read_whole(scan, data, seed=int(rng.integers(2**31)))
            if recipe.pairs.varied and rng.random() < recipe.pairs.varied:
                whole = varied(whole, seed=int(rng.integers(2**31)))
            mask = damaged(whole, holes, shapes, rng)
            axis = _axis(mask, whole, recipe.network.kind)
        except (MedpaintError, OSError) as error:
            reason = str(error)
            continue
        start = Start.of(
            whole.truth,
            mask,
            spacing_mm=whole.spacing_mm,
            seed=int(rng.integers(2**31)),
            pace=recipe.pairs.pace,
            lost=recipe.pairs.start,
        )
        if start.spread > 0.0:
            patches = _cut(start, whole, recipe, axis, rng)
            return Case(patches, scan.person, f"{holes.kind} {holes.sizes[0]:g}-{holes.sizes[1]:g}")
        reason = "the scan is flat around the holes"
    message = f"expected holes that fit into one of {len(own)} scans, got none in {_TRIES} tries: {reason}"
    raise InputError(message)


def _drawn(items: Sequence[_Drawn], weights: Sequence[float], rng: np.random.Generator) -> _Drawn:
    """Draw one of the items, by their weights."""
    shares = np.asarray(weights) / sum(weights)
    return items[int(rng.choice(len(items), p=shares))]


def _drawn_scan(scans: Sequence[Scan], rng: np.random.Generator) -> Scan:
    """Draw a scan: first its source by weight, then one of the source's scans."""
    sources = list(dict.fromkeys(scan.source for scan in scans))
    source = _drawn(sources, [one.weight if one else 1.0 for one in sources], rng)
    own = [scan for scan in scans if scan.source == source]
    return own[int(rng.integers(len(own)))]


def damaged(whole: Whole, holes: Holes, shapes: Sequence[LesionShape], rng: np.random.Generator) -> Mask:
    """Return the mask of a random number of holes, (I, J, K).

    Args:
        whole: the scan.
        holes: their kind, sizes and number.
        shapes: lesions for the kind ``lesion``.
        rng: draws them.

    Raises:
        InputError: they do not fit.
    """
    kind = kinds(shapes)[holes.kind]
    mask = np.zeros(whole.truth.shape, dtype=bool)
    for _ in range(int(rng.integers(*holes.count, endpoint=True))):
        seed = int(rng.integers(2**31))
        mask |= kind.make(whole.tissue, whole.spacing_mm, kind.drawn_size(holes.sizes, seed), seed)
    if np.count_nonzero(mask & whole.tissue) > _LARGEST * np.count_nonzero(whole.tissue):
        message = f"expected holes in less than {_LARGEST:.0%} of the tissue"
        raise InputError(message)
    return mask


def _axis(mask: Mask, whole: Whole, kind: NetworkName) -> int | None:
    """Return the axis that numbers the slices; None where the network is 3D, or any axis will do.

    Raises:
        InputError: the network is for lost slices, and the mask is something else.
    """
    if NETWORKS[kind].for_lost_slices:
        axis = lost_axis(mask)
        if axis is None:
            message = f"expected lost slices for {kind}, got other holes: list kinds of slices in the recipe"
            raise InputError(message)
        return axis
    coarsest = int(np.argmax(whole.spacing_mm))
    return coarsest if whole.spacing_mm[coarsest] > _THICK * min(whole.spacing_mm) else None


def _cut(start: Start, whole: Whole, recipe: Recipe, axis: int | None, rng: np.random.Generator) -> FloatArray:
    """Cut patches around random masked voxels, (P, C + 1, size, ...); 2D ones include their neighbours."""
    network, size = NETWORKS[recipe.network.kind], recipe.pairs.size
    cut = []
    for centre in _centres(start.mask, whole.tissue, recipe.pairs, rng):
        if network.ndim == 3:
            cut.append(_patch(start, whole, centre, (size,) * 3, None))
            continue
        across = int(rng.integers(3)) if axis is None else axis
        deep = network.reach + (MOST_LOST if network.for_lost_slices else 0)
        shape = tuple(2 * deep + 1 if one == across else size for one in range(3))
        patch = np.moveaxis(_patch(start, whole, centre, shape, across), 1 + across, 1)
        shown, missing = patch[:-1], patch[-1:, deep]
        if network.for_lost_slices:
            shown = beside_gap(shown, deep, network.reach)
        cut.append(np.concatenate([shown.reshape(-1, *patch.shape[2:]), missing]))
    return np.stack(cut)


def _centres(mask: Mask, tissue: Mask, pairs: Pairs, rng: np.random.Generator) -> FloatArray:
    """Return random masked voxels, (P, 3), in the tissue if any are."""
    wanted = mask & tissue
    flat = rng.choice(np.flatnonzero(wanted if wanted.any() else mask), pairs.patches)
    return np.stack(np.unravel_index(flat, mask.shape), axis=1)


def _patch(start: Start, whole: Whole, centre: FloatArray, shape: tuple[int, ...], kept: int | None) -> FloatArray:
    """Return the input and the target around a voxel at the network's voxel size, (C + 1, *shape) float16.

    Where the scan is smaller than the patch, its border is repeated.
    """
    ratio = [1.0 if axis == kept else working_size(size) / size for axis, size in enumerate(start.spacing_mm)]
    parts = []
    for axis, middle in enumerate(centre):
        extent = min(round(shape[axis] * ratio[axis]), start.mask.shape[axis])
        first = min(max(int(middle) - extent // 2, 0), start.mask.shape[axis] - extent)
        if axis == kept:
            reach = shape[axis] // 2
            parts.append(slice(int(middle) - reach, int(middle) + reach + 1))
        else:
            parts.append(slice(first, first + extent))
    window = (parts[0], parts[1], parts[2])
    channels = _with_target(start, whole, window, kept)
    sizes = working_shape(channels.shape[1:], start.spacing_mm, kept=kept)
    fitted = resampled(channels, tuple(min(one, most) for one, most in zip(sizes, shape, strict=True)))
    missing = [most - one for one, most in zip(fitted.shape[1:], shape, strict=True)]
    padded = np.pad(fitted, [(0, 0), *((gap // 2, gap - gap // 2) for gap in missing)], mode="edge")
    patch: FloatArray = padded.astype(np.float16)
    return patch


def _with_target(start: Start, whole: Whole, window: Window, kept: int | None) -> FloatArray:
    """Return the channels of a window, then what is to be added to the first, (C + 1, I, J, K).

    Along the axis `kept` the window may extend past the ends, where the last slice is repeated.
    """
    inside = grown(window, (0, 0, 0), start.mask.shape)
    shown = start.shown(inside)
    missing = (whole.truth[inside] - start.filled[inside]) / start.spread * start.mask[inside]
    channels = np.concatenate([shown, missing[np.newaxis].astype(np.float32)])
    if kept is None:
        return channels
    over = [(inner.start - part.start, part.stop - inner.stop) for part, inner in zip(window, inside, strict=True)]
    return np.pad(channels, [(0, 0), *over], mode="edge")
