"""Draw every kind of simulated damage at three severities, for docs/explanation/simulated-damage.md.

    python benchmarks/damage_pictures.py --mr head_T1w.nii.gz --ct thigh_CT.nii.gz --output docs/images

Each row is one variant of one kind: the clean slice, the damage at severities 0.1, 0.5 and 1, and the true mask at
severity 1. The first seed that gives the variant is taken, so the pictures follow from the scans.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from medpaint.core.errors import InputError
from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.corrupt.base import Damaged
from medpaint.io.reading import read_scan
from medpaint.report.figures import extent_mm, grey_range, upright

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEVERITIES: Final = (0.1, 0.5, 1.0)

MR_SHEETS: Final = {
    "damage-slices": (
        *(("missing", "slices"), ("missing", "block"), ("dropout", "single"), ("dropout", "partial")),
        *(("dropout", "interleaved"), ("stripe", "interleave"), ("stripe", "venetian"), ("stripe", "zipper")),
        ("spike", ""),
    ),
    "damage-regions": (
        *(("noise", "slices"), ("noise", "block"), ("saturation", "ceiling"), ("saturation", "overflow")),
        *(("void", ""), ("border", "truncated"), ("border", "wrapped"), ("lesion", "dark"), ("lesion", "bright")),
    ),
    "damage-motion": (("motion", "sudden"), ("motion", "regular")),
}
CT_SHEETS: Final = {"damage-metal": (("metal", "titanium"), ("metal", "steel"))}
"""Kinds and variants on each picture."""

ACROSS: Final = {
    ("missing", "slices"),
    ("dropout", "interleaved"),
    ("stripe", "interleave"),
    ("stripe", "venetian"),
}
"""Damage that is seen best in a plane across its slices."""

GREYS: Final = 64
"""Greys in the picture: enough to see damage, in a fraction of the file size."""


@dataclass(frozen=True, eq=False)
class Row:
    """One variant of one kind.

    Attributes:
        title: what it is.
        made: the damaged scans, one for each severity.
    """

    title: str
    made: Sequence[Damaged]


def row_of(volume: Volume, kind: str, variant: str) -> Row:
    """Return the damage of the first seed that gives a variant."""
    for seed in count():
        try:
            gross = ARTEFACTS[kind](volume, 1.0, seed)
        except InputError:
            continue
        if gross.facts.get("variant", "") == variant and gross.facts.get("content") != "constant":
            made = [ARTEFACTS[kind](volume, severity, seed) for severity in SEVERITIES[:-1]]
            return Row(f"{kind} {variant}".strip(), [*made, gross])
    raise AssertionError


def plane_of(volume: Volume, row: Row, *, across: bool) -> tuple[int, int]:
    """Return the axis and the slice that show the damage best, at all severities together."""
    facts = row.made[-1].facts
    own = "IJK".index(str(facts.get("axis", "K")))
    hidden = f"{facts.get('along', '')}{facts.get('phase_axis', '')}{'IJK'[own] if across else ''}"
    axis = next(other for other in (own, 1, 0, 2) if "IJK"[other] not in hidden)
    others = tuple(other for other in range(3) if other != axis)
    seen = np.zeros(volume.shape[axis])
    for made in _volumes(row):
        change = np.abs(np.nan_to_num(made.intensities()) - volume.intensities()).sum(axis=others)
        seen += change / change.max()
    return axis, int(np.argmax(seen))


def draw(volume: Volume, rows: Sequence[Row], path: Path) -> None:
    """Write one picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = grey_range(volume)
    figure = Figure(figsize=(7.6, 1.62 * len(rows)), layout="constrained", facecolor="black")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), 2 + len(SEVERITIES), squeeze=False)
    for row, places in zip(rows, grid, strict=True):
        kind, _, variant = row.title.partition(" ")
        axis, index = plane_of(volume, row, across=(kind, variant) in ACROSS)
        planes = [upright(one.intensities(), one.affine, axis, index) for one in (volume, *_volumes(row))]
        height, width = extent_mm(volume, axis)
        aspect = height / planes[0].shape[0] / (width / planes[0].shape[1])
        titles = [row.title, *(f"severity {severity:g}" for severity in SEVERITIES)]
        for axes, plane, title in zip(places, planes, titles, strict=False):
            show(axes, plane, low, high, aspect, title)
        mask = upright(row.made[-1].mask, volume.affine, axis, index)
        show(places[-1], mask, 0.0, 1.0, aspect, "mask")
    content = BytesIO()
    figure.savefig(content, dpi=100)
    Image.open(content).convert("L").quantize(GREYS).save(path, optimize=True)


def _volumes(row: Row) -> list[Volume]:
    return [made.volume for made in row.made]


def show(axes: Axes, plane: Array, low: float, high: float, aspect: float, title: str) -> None:
    """Draw one slice."""
    axes.imshow(plane, cmap="gray", vmin=low, vmax=high, aspect=aspect)
    axes.set_title(title, color="white", fontsize=7)
    axes.axis("off")


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mr", type=Path, required=True, help="clean MR scan")
    parser.add_argument("--ct", type=Path, required=True, help="clean CT scan")
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    parsed = parser.parse_args()
    for path, sheets in ((parsed.mr, MR_SHEETS), (parsed.ct, CT_SHEETS)):
        volume, _ = read_scan(path)
        for name, cases in sheets.items():
            rows = [row_of(volume, kind, variant) for kind, variant in cases]
            draw(volume, rows, parsed.output / f"{name}.png")
            print(parsed.output / f"{name}.png")


if __name__ == "__main__":
    main()
