"""Plots of scores: over the size of the hole, and by kind of hole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "Points", "plot_by_kind", "plot_by_size"]

Points = Mapping[str, Sequence[tuple[float, float]]]
"""For each engine, pairs of a hole's size in ml and its score."""

SUFFIXES: Final = (".png", ".svg")

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Colours that can be told apart with any colour vision (Okabe and Ito 2008)."""

_MARKERS: Final = "osD^vPX*"
_BINS: Final = 6
"""Groups of about equal count whose means the line through the points connects."""


def plot_by_size(points: Mapping[str, Points], path: Path, *, score: str) -> None:
    """Draw a score over the size of the hole, one panel for each kind of hole, as PNG and SVG.

    Args:
        points: for each kind of hole, the scores of each engine.
        path: the pictures to write, without their endings.
        score: label of the axis.
    """
    engines = list(dict.fromkeys(engine for of_kind in points.values() for engine in of_kind))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(points), sharey=True, squeeze=False)[0]
        for axes, (kind, of_kind) in zip(panels, points.items(), strict=True):
            for engine, pairs in of_kind.items():
                _trend(axes, engines.index(engine), pairs, engine)
            axes.set_title(kind, fontsize=10)
            axes.set_xlabel("ml of tissue in the hole", fontsize=9)
            _size_axis(axes, [size for pairs in of_kind.values() for size, _ in pairs])
            _tidy(axes)
        panels[0].set_ylabel(score)
        panels[-1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))

    _save(draw, path, (2.4 + 2.8 * len(points), 4.2))


def plot_by_kind(scores: Mapping[str, Mapping[str, Sequence[float]]], path: Path, *, score: str) -> None:
    """Draw the distribution of a score: a box and its points for each engine and kind, as PNG and SVG.

    Args:
        scores: for each kind of hole, for each engine, the scores of the cases.
        path: the pictures to write, without their endings.
        score: label of the axis.
    """
    engines = list(dict.fromkeys(engine for of_kind in scores.values() for engine in of_kind))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
        for axes, (kind, of_kind) in zip(panels, scores.items(), strict=True):
            for number, engine in enumerate(engines):
                if engine in of_kind:
                    _box(axes, number, of_kind[engine])
            axes.set_title(kind, fontsize=10)
            axes.set_xticks(range(len(engines)), engines, rotation=60, ha="right", fontsize=8)
            axes.set_xlim(-0.6, len(engines) - 0.4)
            _tidy(axes)
        panels[0].set_ylabel(score)

    width = 1.2 + len(scores) * (0.6 + 0.3 * len(engines))
    _save(draw, path, (max(width, 4.0), 4.5))


def _trend(axes: Axes, number: int, pairs: Sequence[tuple[float, float]], engine: str) -> None:
    """Draw the cases of one engine, and a line through the means of groups of similar size."""
    sizes, scores = np.array(sorted(pairs)).T
    colour, marker = _look(number)
    axes.plot(sizes, scores, marker, color=colour, markersize=4, alpha=0.35, markeredgewidth=0)
    parts = np.array_split(np.arange(len(sizes)), min(_BINS, max(1, len(sizes) // 2)))
    middles = [(np.exp(np.log(sizes[part]).mean()), scores[part].mean()) for part in parts]
    axes.plot(*np.array(middles).T, marker=marker, color=colour, markersize=6, linewidth=1.6, label=engine)


def _size_axis(axes: Axes, sizes: Sequence[float]) -> None:
    """Make the axis of `sizes` logarithmic, labelled with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if len(set(sizes)) == 1:
        axes.set_xlim(sizes[0] / 2.0, sizes[0] * 2.0)
    axes.margins(x=0.15)


def _box(axes: Axes, place: int, values: Sequence[float]) -> None:
    """Draw one box, and its cases side by side."""
    colour, marker = _look(place)
    lines = {"color": colour, "linewidth": 1.2}
    axes.boxplot(
        [list(values)],
        positions=[place],
        widths=0.6,
        showfliers=False,
        boxprops=lines,
        whiskerprops=lines,
        capprops=lines,
        medianprops=lines | {"linewidth": 2.2},
    )
    offsets = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
    axes.plot(place + offsets, list(values), marker, color=colour, markersize=4, alpha=0.5, markeredgewidth=0)


def _look(number: int) -> tuple[str, str]:
    """Return the colour and marker of engine `number`."""
    return _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]


def _tidy(axes: Axes) -> None:
    """Remove what is not data, and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(draw: Callable[[Figure], None], path: Path, size: tuple[float, float]) -> None:
    """Draw on a new figure and write it in each format; the same data give the same files."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "medpaint", "svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for suffix in SUFFIXES:
            metadata = {"Date": None} if suffix == ".svg" else {}
            figure.savefig(path.with_name(path.name + suffix), dpi=110, metadata=metadata)
