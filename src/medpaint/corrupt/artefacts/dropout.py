"""Slices that lost signal: dimmed or emptied, single, interleaved, or in a part of the slice."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.slices import slices_mask
from medpaint.core.types import Array, FloatArray
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import complex_noise, magnitude
from medpaint.corrupt.artefacts.places import slices_nearest
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["dropout"]

_LOSS: Final = (0.08, 1.0)
"""Share of the signal that is lost at severities 0 and 1."""

_CENTRE: Final = 0.06
"""Width of the centre of k-space in cycles per voxel. Its loss alone leaves the edges of the image."""

_TAIL: Final = 0.05
"""The Gaussian bump of dephasing is cut off where it is this small, so that the damage ends somewhere."""


def dropout(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Take signal from one to three slices, from every second or third slice of a run, or from a part of slices.

    Whole slices lose it in k-space, the centre more than the rest, so that edges may survive. A part of a slice
    loses it by dephasing inside the voxels, which multiplies the signal by a sinc of the field's gradient (Haacke
    et al., 1999). The noise of the receiver stays: an emptied slice is noise, not zero.

    Args:
        scene: the clean scan, MR.
        severity: share of the signal that is lost, from 8 % to all of it.
        rng: decides which slices, and which part.
    """
    variant = ("single", "interleaved", "partial")[int(rng.integers(3))]
    axis = scene.slice_axis(rng)
    slices = _slices(variant, slices_nearest(scene, axis, rng), rng)
    edges, noise_seed = float(rng.uniform(0.0, 0.4)), int(rng.integers(2**32))
    bump = _bump(np.moveaxis(scene.tissue, axis, 0)[slices[0]], rng)
    loss = between(*_LOSS, severity)
    values, region = scene.values.copy(), slices_mask(scene.volume.shape, axis, slices)
    frames = np.moveaxis(values, axis, 0)
    for index in slices.tolist():
        noise = scene.noise * complex_noise(frames[index].shape, np.random.default_rng([noise_seed, index]))
        kept, lost = (
            _dephased(frames[index], loss, bump) if variant == "partial" else _notched(frames[index], loss, edges)
        )
        frames[index] = magnitude(kept + np.sqrt(1.0 - (1.0 - lost) ** 2) * noise, frames[index])
    facts: dict[str, JsonValue] = {"variant": variant, "loss": loss}
    if variant == "partial":
        np.moveaxis(region, axis, 0)[:] &= bump > 0.0
        region &= scene.tissue
    return Change(values, region, facts, axis=axis, whole=variant != "partial")


def _slices(variant: str, ordered: Array, rng: np.random.Generator) -> Array:
    """Return the slices that lose signal, from those of the body in the order of their distance."""
    count, step, share = int(rng.integers(1, 4)), int(rng.integers(2, 4)), float(rng.uniform(0.3, 0.6))
    if variant != "interleaved":
        return ordered[:count]
    run = np.sort(ordered[: max(2 * step, round(share * ordered.size))])
    every: Array = run[::step]
    return every


def _notched(frame: FloatArray, loss: float, edges: float) -> tuple[Array, float]:
    """Return a slice whose k-space lost `loss` at its centre and less at its edges, and the loss."""
    from scipy.fft import fft2, fftfreq, ifft2

    squared = fftfreq(frame.shape[0])[:, None] ** 2 + fftfreq(frame.shape[1])[None, :] ** 2
    weight = 1.0 - loss * (1.0 - edges + edges * np.exp(-squared / _CENTRE**2))
    kept: Array = ifft2(fft2(frame.astype(np.float64)) * weight)
    return kept, loss


def _dephased(frame: FloatArray, loss: float, bump: FloatArray) -> tuple[Array, FloatArray]:
    """Return a slice that lost `loss` by dephasing where `bump` is 1, and the loss at each pixel."""
    cycles = np.linspace(0.0, 1.0, 1001)
    strongest = np.interp(loss, 1.0 - np.sinc(cycles), cycles)
    lost = 1.0 - np.sinc(strongest * bump)
    return frame * (1.0 - lost), lost


def _bump(tissue: Array, rng: np.random.Generator) -> FloatArray:
    """Return a smooth bump from 1 to exactly 0 around a random pixel of the tissue in a slice."""
    places = np.argwhere(tissue)
    centre = places[int(rng.integers(len(places)))]
    extent = places.max(axis=0) - places.min(axis=0) + 1
    widths = extent * rng.uniform(0.12, 0.3, 2)
    squared = sum(
        ((grid - middle) / width) ** 2
        for grid, middle, width in zip(np.ogrid[: tissue.shape[0], : tissue.shape[1]], centre, widths, strict=True)
    )
    bump: FloatArray = np.maximum(0.0, (np.exp(-0.5 * np.asarray(squared)) - _TAIL) / (1.0 - _TAIL))
    return bump
