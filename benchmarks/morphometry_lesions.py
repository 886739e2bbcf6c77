"""Lesions of benchmarks/morphometry.py: placed by tissue, and painted into healthy brains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from morphometry_tissue import CSF, GREY, WHITE, Tissues
from scipy.ndimage import distance_transform_edt, find_objects, label

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.corrupt import LesionShape, lesion_shape
from medpaint.masks.dilation import dilated

__all__ = ["KINDS", "Kind", "Shapes", "Site", "painted", "parts_of", "site_of", "weight_of"]

VENTRICLE_MM: Final = 20.0
VENTRICLE_ML: Final = 2.0
"""CSF at least this deep in the brain, in connected parts of at least this volume, is that of the ventricles."""

CORTEX_MM: Final = 12.0
"""Grey matter at most this deep in the brain is cortex."""

PERIVENTRICULAR_MM: Final = 8.0
JUXTACORTICAL_MM: Final = 3.0
"""How far from the ventricles, and from the cortex, white matter counts as next to them."""

APART_MM: Final = 3.0
"""Known tissue between two lesions."""

RIM_MM: Final = 2.0
"""How far a soft lesion reaches out of its mask."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Real lesions.

    Attributes:
        sclerosis: single lesions of people with multiple sclerosis.
        stroke: lesions of strokes.
    """

    sclerosis: Sequence[LesionShape]
    stroke: Sequence[LesionShape]


@dataclass(frozen=True, eq=False)
class Site:
    """Where lesions may lie in a brain. All masks are (I, J, K).

    Attributes:
        brain: all of it.
        white: white matter.
        periventricular: white matter near the ventricles.
        juxtacortical: white matter near the cortex.
        spacing_mm: voxel size along I, J, K.
    """

    brain: Mask
    white: Mask
    periventricular: Mask
    juxtacortical: Mask
    spacing_mm: Spacing


@dataclass(frozen=True)
class Kind:
    """A kind of lesions.

    Attributes:
        title: for the page.
        about: what they are, for the page.
        place: makes the mask of all lesions in a brain from the real shapes and a seed.
        looks_like: label of the tissue whose mean intensity they have.
        rim_mm: how far they reach out of the mask, fading.
    """

    title: str
    about: str
    place: Callable[[Site, Shapes, int], Mask]
    looks_like: int
    rim_mm: float = 0.0


def parts_of(shape: LesionShape) -> list[LesionShape]:
    """Return the connected parts of a lesion mask as shapes of their own."""
    numbers, _ = label(shape.mask)
    return [
        LesionShape(numbers[box] == number, shape.spacing_mm)
        for number, box in enumerate(find_objects(numbers), start=1)
    ]


def site_of(tissues: Tissues, brain: Mask, spacing_mm: Spacing) -> Site:
    """Return where lesions may lie in a segmented brain, (I, J, K)."""
    labels = tissues.labels
    depth = distance_transform_edt(np.pad(brain, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    ventricles = _large((labels == CSF) & (depth >= VENTRICLE_MM), round(VENTRICLE_ML / voxel_ml))
    cortex = (labels == GREY) & (depth <= CORTEX_MM)
    white = labels == WHITE
    return Site(
        brain,
        white,
        white & dilated(ventricles, spacing_mm, PERIVENTRICULAR_MM),
        white & dilated(cortex, spacing_mm, JUXTACORTICAL_MM),
        spacing_mm,
    )


def _large(mask: Mask, voxels: int) -> Mask:
    """Return the connected parts of a mask, (I, J, K), with at least so many voxels."""
    numbers, _ = label(mask)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    large: Mask = (sizes >= voxels)[numbers]
    return large


def weight_of(mask: Mask, kind: Kind, brain: Mask, spacing_mm: Spacing) -> FloatArray:
    """Return the share of the lesion in each voxel: 1 in the mask, falling to 0 over the rim, (I, J, K)."""
    if kind.rim_mm <= 0.0:
        return mask.astype(np.float64)
    distance = distance_transform_edt(~mask, sampling=spacing_mm)
    away = np.clip(distance / kind.rim_mm, 0.0, 1.0)
    return np.where(brain, 1.0 - away * away * (3.0 - 2.0 * away), 0.0)


def painted(image: FloatArray, weight: FloatArray, level: float, noise: float, seed: int) -> FloatArray:
    """Return an image with lesions in it.

    Args:
        image: intensities of the healthy scan, (I, J, K).
        weight: share of the lesions in each voxel, (I, J, K).
        level: mean intensity of the lesions.
        noise: standard deviation of their noise.
        seed: of the noise.
    """
    texture = np.random.default_rng(seed).normal(level, noise, image.shape)
    return np.where(weight > 0.0, (1.0 - weight) * image + weight * np.maximum(texture, 0.0), image)


def _placed(
    zones: Sequence[tuple[Mask, float, float]], site: Site, shapes: Sequence[LesionShape], seed: int
) -> Mask:
    """Return the mask of one lesion for each zone, of a volume between its limits in ml, apart from each other."""
    rng = np.random.default_rng(seed)
    mask = np.zeros_like(site.brain)
    for zone, low, high in zones:
        free = zone & ~dilated(mask, site.spacing_mm, APART_MM)
        volume_ml, own = float(np.exp(rng.uniform(np.log(low), np.log(high)))), int(rng.integers(2**31))
        mask |= lesion_shape(free, site.spacing_mm, volume_ml=volume_ml, seed=own, shapes=shapes)
    return mask & site.brain


def _sclerosis(site: Site, shapes: Shapes, seed: int) -> Mask:
    zones = [(site.periventricular, 0.1, 0.5)] * 8 + [(site.juxtacortical, 0.03, 0.15)] * 8
    return _placed(zones, site, shapes.sclerosis, seed)


def _soft(site: Site, shapes: Shapes, seed: int) -> Mask:
    return _placed([(site.white, 0.5, 2.0)] * 4, site, shapes.sclerosis, seed)


def _stroke(site: Site, shapes: Shapes, seed: int) -> Mask:
    return _placed([(site.brain, 15.0, 40.0)], site, shapes.stroke, seed)


KINDS: Final[Mapping[str, Kind]] = {
    "sclerosis": Kind(
        "Multiple sclerosis",
        "shapes of real lesions (Lesjak 2017): eight of 0.1 to 0.5 ml next to the ventricles, eight of 0.03 to "
        "0.15 ml next to the cortex, as dark as grey matter; the mask holds them whole",
        _sclerosis,
        GREY,
    ),
    "soft": Kind(
        "Soft rims",
        "four such lesions of 0.5 to 2 ml in the white matter, whose darkness fades over 2 mm outside the mask, "
        "as where a mask was drawn tightly; the engines take the rim for tissue",
        _soft,
        GREY,
        RIM_MM,
    ),
    "stroke": Kind(
        "Stroke",
        "the shape of one real stroke (LESYMAP) of 15 to 40 ml anywhere in the brain, as dark as CSF; the mask "
        "holds it whole",
        _stroke,
        CSF,
    ),
}
"""Kinds of lesions by their names on the command line and in tables."""
