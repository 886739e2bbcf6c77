"""What a network sees of a scan: known tissue around the holes, or the body around lost slices."""

from __future__ import annotations

from typing import Final

from medpaint.core.boxes import of_whole
from medpaint.core.types import Window
from medpaint.engines.gaps import lost_axis
from medpaint.engines.learned.beside import body_in
from medpaint.engines.learned.networks.names import NetworkInfo
from medpaint.engines.learned.start import Start
from medpaint.engines.slicing import slicing_axis
from medpaint.engines.windows import windows

__all__ = ["SEEN_MM", "axis_of", "body_of", "crops_of"]

SEEN_MM: Final = {2: 20.0, 3: 8.0}
"""Margin of known tissue around the holes in a network's input, by its number of axes. In 3D wider ones take far
longer and come out the same."""


def crops_of(network: NetworkInfo, start: Start, seen_mm: float | None = None) -> list[Window]:
    """Return a window for each group of holes, with the tissue around them that a network sees.

    Args:
        network: its axes and slices.
        start: the first fill.
        seen_mm: margin of known tissue; None: as medpaint's own networks were trained.
    """
    least_mm = SEEN_MM[network.ndim] if seen_mm is None else seen_mm
    return windows(start.mask, start.spacing_mm, max(least_mm, network.reach * max(start.spacing_mm)))


def axis_of(network: NetworkInfo, start: Start, crop: Window) -> int | None:
    """Return the axis that numbers a network's slices; None for a network in 3D, and where it has none to fill."""
    hole, void = start.mask[crop], start.void_in(crop)
    if network.ndim == 3:
        return None
    return lost_axis(hole, void) if network.for_lost_slices else slicing_axis(hole, start.spacing_mm, void)


def body_of(network: NetworkInfo, start: Start, crop: Window) -> Window:
    """Return what a network sees of a crop: the body of one with lost slices, all of any other."""
    if not network.for_lost_slices:
        return crop
    axis = axis_of(network, start, crop)
    return of_whole(body_in(start.smooth[crop], start.known[crop], start.spacing_mm, axis), crop)
