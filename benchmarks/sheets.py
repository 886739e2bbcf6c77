"""A sheet of pictures: one row for each case, one column for each fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.report.figures import TISSUE_SHARE, best_slice, extent_mm, grey_range, upright

__all__ = ["SheetRow", "draw_sheet"]

_GREYS = 112
_REDS = 16
"""Colours in the picture: enough for grey images and red lines, in a fraction of the file size."""


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One case.

    Attributes:
        title: text next to it.
        truth: the clean scan.
        mask: the hole, (I, J, K).
        columns: the volumes to show, by their titles; all on the grid of the truth.
        notes: text below a column's title, such as its score.
    """

    title: str
    truth: Volume
    mask: Mask
    columns: Mapping[str, Volume]
    notes: Mapping[str, str]


def draw_sheet(rows: Sequence[SheetRow], path: Path) -> None:
    """Draw the best slice of each case as a PNG, with the hole's border in the first column."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    width = max(len(row.columns) for row in rows)
    figure = Figure(figsize=(1.35 * width + 0.3, 1.75 * len(rows)), layout="constrained", facecolor="black")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), width, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for row, places in zip(rows, grid, strict=True):
        low, high = grey_range(row.truth)
        axis, index = best_slice(row.mask, row.truth.intensities() > low + TISSUE_SHARE * (high - low))
        hole = upright(row.mask, row.truth.affine, axis, index)
        window = _window(upright(row.truth.intensities(), row.truth.affine, axis, index), low, high, hole)
        height, breadth = extent_mm(row.truth, axis)
        pixel = height / hole.shape[0] / (breadth / hole.shape[1])
        for number, (axes, (name, volume)) in enumerate(zip(places, row.columns.items(), strict=False)):
            plane = upright(volume.intensities(), volume.affine, axis, index)[window]
            axes.imshow(plane, cmap="gray", vmin=low, vmax=high, aspect=pixel)
            if number == 0 and not hole.all():
                axes.contour(hole[window], levels=[0.5], colors="red", linewidths=0.8)
            below = f"\n{row.notes[name]}" if name in row.notes else ""
            axes.set_title(f"{name}{below}", color="white", fontsize=7)
        places[0].text(
            -0.06, 0.5, row.title, color="white", fontsize=7, rotation=90, ha="right", va="center",
            transform=places[0].transAxes,
        )  # fmt: skip
    drawn = BytesIO()
    figure.savefig(drawn, dpi=115, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette())
    picture = Image.open(drawn).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)


def _palette() -> list[int]:
    """Return the colours of the picture as red, green, blue triples."""
    greys = [level for grey in np.linspace(0, 255, _GREYS) for level in (int(grey),) * 3]
    reds = [level for red in np.linspace(60, 255, _REDS) for level in (int(red), 0, 0)]
    return greys + reds


def _window(plane: Array, low: float, high: float, hole: Array) -> tuple[slice, slice]:
    """Return the part of a slice with tissue or the hole."""
    shown = (plane > low + 0.1 * (high - low)) | (hole & ~hole.all())
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
