"""Metal in a CT, with its streaks."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import InputError
from medpaint.core.types import Array, FloatArray, Mask
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.places import tissue_voxel
from medpaint.corrupt.artefacts.projection import back_projected, projected
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["metal"]

_RADIUS_MM: Final = (2.0, 12.0)
"""Half the width of the metal at severities 0 and 1."""

_WEIGHTS: Final = np.array([0.3, 0.35, 0.25, 0.1])
"""Shares of photons of 50, 60, 80 and 100 keV: a coarse spectrum of a tube at 120 kV."""

_WATER: Final = np.array([0.02269, 0.02059, 0.01837, 0.01707])
"""Attenuation of water at these energies, per mm (Hubbell and Seltzer, NIST, 1995)."""

_METALS: Final = {
    "titanium": np.array([0.546, 0.345, 0.182, 0.122]),
    "steel": np.array([1.541, 0.948, 0.468, 0.293]),
}
"""Attenuation of titanium and iron, likewise."""

_PHOTONS: Final = 2e5
"""Photons that the tube sends along each ray; where none arrives, the detector counts one."""

_LONGEST_MM: Final = 1500.0
"""Longest path through water that the detector's correction knows."""

_FLATTEST: Final = 1.02
"""Pixels of slices are squares up to this ratio of their edges."""

_HU: Final = (3000.0, 8000.0)
"""Hounsfield units of titanium and steel, where the scan can store them; many scanners stop at 3071."""


def metal(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Put an ellipsoid or a rod of metal into the body, and reconstruct the slices through it with its streaks.

    Each slice is projected along parallel rays. The attenuation of tissue and metal at four energies gives what a
    detector counts, with Poisson noise: metal lets through hard photons, or none. The counts are corrected for
    water, as scanners do, and the error of that correction is reconstructed and added to the slice. So a slice
    without metal stays as it is. Scatter, the cone of the beam and the detector's own limits are left out.

    Args:
        scene: the clean scan, CT.
        severity: half the width of the metal, from 2 to 12 mm.
        rng: decides the metal, its shape and its place.

    Raises:
        InputError: the pixels of the slices are not squares.
    """
    axis = int(np.argmax([round(step, 3) + 1e-6 * index for index, step in enumerate(scene.volume.spacing_mm)]))
    plane = [scene.volume.spacing_mm[other] for other in range(3) if other != axis]
    if max(plane) > _FLATTEST * min(plane):
        message = f"expected slices of square pixels for metal, got pixels of {plane[0]:g} x {plane[1]:g} mm"
        raise InputError(message)
    name = ("titanium", "steel")[int(rng.integers(2))]
    mask = _body_of_metal(scene, axis, between(*_RADIUS_MM, severity), rng)
    noise_seed = int(rng.integers(2**32))
    ceiling = min(_HU[name == "steel"], max(3071.0, float(scene.values.max())))
    values = scene.values.astype(np.float64)
    frames, metals = np.moveaxis(values, axis, 0), np.moveaxis(mask, axis, 0)
    slices = np.flatnonzero(metals.any(axis=(1, 2)))
    for index in slices.tolist():
        own = np.random.default_rng([noise_seed, index])
        frames[index] += 1000.0 * _streaks(frames[index], metals[index], plane[0], _METALS[name], own)
    lowest, highest = min(-1024.0, float(scene.values.min())), max(ceiling, float(scene.values.max()))
    values = np.clip(values, lowest, highest)
    values[mask] = ceiling
    region = np.zeros(scene.volume.shape, dtype=bool)
    np.moveaxis(region, axis, 0)[slices] = True
    facts: dict[str, JsonValue] = {
        "variant": name,
        "metal_hu": ceiling,
        "width_mm": 2.0 * between(*_RADIUS_MM, severity),
    }
    return Change(values.astype(scene.values.dtype), region, facts, axis=axis, truth=mask & scene.usable)


def _body_of_metal(scene: Scene, axis: int, radius_mm: float, rng: np.random.Generator) -> Mask:
    """Return an ellipsoid, up to twice as long as wide in a slice and twice across slices, (I, J, K)."""
    centre = tissue_voxel(scene, rng)
    angle, flat, tall = float(rng.uniform(0.0, np.pi)), float(rng.uniform(1.0, 2.0)), float(rng.uniform(1.0, 2.0))
    grids = np.ogrid[tuple(slice(0, size) for size in scene.volume.shape)]
    away = [
        (grid - middle) * step for grid, middle, step in zip(grids, centre, scene.volume.spacing_mm, strict=True)
    ]
    first, second = (away[other] for other in range(3) if other != axis)
    along, across = first * np.cos(angle) + second * np.sin(angle), second * np.cos(angle) - first * np.sin(angle)
    squared = (
        (along / (radius_mm * flat)) ** 2 + (across / radius_mm) ** 2 + (away[axis] / (radius_mm * tall)) ** 2
    )
    mask: Mask = (squared <= 1.0) & scene.tissue
    mask[centre] = True
    return mask


def _streaks(
    frame: FloatArray, mask: Mask, edge_mm: float, attenuation: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return what metal adds to a slice outside itself, as a share of water's attenuation.

    Args:
        frame: Hounsfield units of the slice.
        mask: the metal in it.
        edge_mm: of a pixel.
        attenuation: of the metal at each energy, per mm.
        rng: noise of the photons.
    """
    size = int(np.ceil(np.hypot(*frame.shape))) + 2
    starts = [(size - count) // 2 for count in frame.shape]
    window = tuple(slice(start, start + count) for start, count in zip(starts, frame.shape, strict=True))
    tissue, inside = np.zeros((size, size)), np.zeros((size, size))
    tissue[window] = np.where(mask, 0.0, np.maximum(frame / 1000.0 + 1.0, 0.0))
    inside[window] = mask
    angles = np.arange(max(180, size)) * np.pi / max(180, size)
    first, width = _shadow(inside, angles)
    water_mm, metal_mm = (projected(image, angles, first, width) * edge_mm for image in (tissue, inside))
    measured = _corrected(_counted(water_mm, metal_mm, attenuation, rng))
    ideal = water_mm + metal_mm * float(_WEIGHTS @ attenuation) / float(_WEIGHTS @ _WATER)
    errors = np.zeros((angles.size, size))
    rays = first[:, None] + np.arange(width)
    np.put_along_axis(errors, rays, np.where(metal_mm > 0.0, measured - ideal, 0.0) / edge_mm, axis=1)
    return np.where(mask, 0.0, back_projected(errors, angles)[window])


def _shadow(inside: FloatArray, angles: FloatArray) -> tuple[Array, int]:
    """Return the first ray through metal at each angle, (A,), and how many rays hold all of it at any angle.

    Args:
        inside: 1 in metal, (N, N).
        angles: in radians, (A,).
    """
    middle = (inside.shape[0] - 1) / 2.0
    rows, columns = (places - middle for places in np.nonzero(inside))
    rays = middle + columns[None, :] * np.cos(angles)[:, None] - rows[None, :] * np.sin(angles)[:, None]
    first = np.floor(rays.min(axis=1)).astype(np.intp) - 1
    last = np.ceil(rays.max(axis=1)).astype(np.intp) + 1
    width = min(int((last - first).max()) + 1, inside.shape[0])
    return np.clip(first, 0, inside.shape[0] - width), width


def _counted(
    water_mm: FloatArray, metal_mm: FloatArray, attenuation: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return the photons that arrive, as the negative logarithm of their share."""
    passed = sum(
        weight * np.exp(-water * water_mm - metal * metal_mm)
        for weight, water, metal in zip(_WEIGHTS, _WATER, attenuation, strict=True)
    )
    counts = np.maximum(rng.poisson(_PHOTONS * np.asarray(passed)), 1)
    logarithm: FloatArray = np.log(_PHOTONS / counts)
    return logarithm


def _corrected(logarithm: FloatArray) -> FloatArray:
    """Return the path through water that would let as many photons through, in mm."""
    path = np.linspace(0.0, _LONGEST_MM, 6001)
    passed = sum(weight * np.exp(-water * path) for weight, water in zip(_WEIGHTS, _WATER, strict=True))
    corrected: FloatArray = np.interp(logarithm, -np.log(np.asarray(passed)), path)
    return corrected
