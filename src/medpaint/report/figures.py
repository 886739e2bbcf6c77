"""Pictures of one slice: damaged, mask, restored, and the truth if it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medpaint.core.types import Affine, Array, FloatArray, Mask
from medpaint.core.volume import Volume

__all__ = ["before_and_after", "best_slice", "extent_mm", "grey_range", "upright"]

RED = (0.9, 0.1, 0.1)

TISSUE_SHARE = 0.15
"""Voxels at least this share of the grey range above black count as tissue."""


def before_and_after(
    scan: Volume, restored: Volume, mask: Mask, path: Path, *, truth: Volume | None = None, title: str = ""
) -> None:
    """Draw the slice that shows the repair best, as a PNG.

    Args:
        scan: the damaged scan.
        restored: the restored scan.
        mask: True = repaired, (I, J, K).
        path: the picture to write.
        truth: the undamaged scan, if it is known.
        title: text above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = grey_range(truth or restored)
    axis, index = best_slice(mask, restored.intensities() > low + TISSUE_SHARE * (high - low))
    panels = {"damaged": scan, "mask": scan, "restored": restored} | ({"truth": truth} if truth else {})
    figure = Figure(figsize=(3.2 * len(panels), 3.7), layout="constrained", facecolor="black")
    FigureCanvasAgg(figure)
    for axes, (name, volume) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        plane = upright(volume.intensities(), volume.affine, axis, index)
        height, width = extent_mm(volume, axis)
        axes.imshow(
            plane, cmap="gray", vmin=low, vmax=high, aspect=height / plane.shape[0] / (width / plane.shape[1])
        )
        if name == "mask":
            axes.imshow(_overlay(upright(mask, volume.affine, axis, index)), aspect=axes.get_aspect())
        axes.set_title(name, color="white", fontsize=11)
        axes.axis("off")
    figure.suptitle(title, color="white", fontsize=11)
    figure.savefig(path, dpi=100)


def best_slice(mask: Mask, tissue: Mask) -> tuple[int, int]:
    """Return the viewing axis and the slice that shows most repaired tissue; wholly masked slices do not count."""
    best = (-1.0, 2, mask.shape[2] // 2)
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        shown = np.where(mask.all(axis=others), 0.0, (mask & tissue).mean(axis=others))
        index = int(np.argmax(shown))
        if min(mask.shape[other] for other in others) > 1 and shown[index] > best[0]:
            best = (float(shown[index]), axis, index)
    return best[1], best[2]


def upright(data: Array, affine: Affine, axis: int, index: int) -> Array:
    """Return one slice with superior (or anterior) at the top and the person's left on the right."""
    plane = np.take(data, index, axis=axis)
    first, second = (other for other in range(3) if other != axis)
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    worlds = [int(np.argmax(np.abs(directions[:, other]))) for other in (first, second)]
    signs = [directions[world, other] > 0 for world, other in zip(worlds, (first, second), strict=True)]
    if worlds[0] > worlds[1]:
        plane, signs = plane.T, signs[::-1]
    plane = plane.T
    if signs[1]:
        plane = plane[::-1]
    return np.asarray(plane[:, ::-1] if signs[0] else plane)


def extent_mm(volume: Volume, axis: int) -> tuple[float, float]:
    """Return the height and width in mm of a slice as `upright` shows it."""
    first, second = (other for other in range(3) if other != axis)
    lengths = np.array(volume.shape) * volume.spacing_mm
    worlds = [int(np.argmax(np.abs(volume.affine[:3, other]))) for other in (first, second)]
    width, height = (first, second) if worlds[0] <= worlds[1] else (second, first)
    return float(lengths[height]), float(lengths[width])


def grey_range(volume: Volume) -> tuple[float, float]:
    """Return the intensities shown as black and white."""
    low, high = np.nanpercentile(volume.intensities(), [1.0, 99.7])
    return float(low), float(max(high, low + 1e-6))


def _overlay(mask: Array) -> FloatArray:
    """Return a translucent red layer over the mask, (rows, columns, RGBA)."""
    layer = np.zeros((*mask.shape, 4), np.float32)
    layer[mask] = (*RED, 0.6)
    return layer
