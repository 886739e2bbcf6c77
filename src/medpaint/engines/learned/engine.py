"""Engines with networks, volumetric and slice-wise, that correct a first fill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from medpaint.core.types import Mask, Window
from medpaint.engines.base import Fill, Hole
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.gaps import gap_axes
from medpaint.engines.images import Image, Overlaid, values_at
from medpaint.engines.learned.correction import correction
from medpaint.engines.learned.crops import axis_of, body_of, crops_of
from medpaint.engines.learned.networks.names import NETWORKS, FirstFill, NetworkName
from medpaint.engines.learned.start import Start
from medpaint.engines.learned.weights import load_weights

__all__ = ["Learned", "resnet2d", "unet2d", "unet3d"]


@final
@dataclass(frozen=True)
class Learned:
    """Adds a network's correction to a first fill.

    The first fill comes from exemplars, and is smooth where none were found. The network sees it together with
    the mask and the other side of the body, resampled to the voxel size that it was trained at, and its output is
    resampled back: the scan itself is never resampled. Holes larger than a window are covered by overlapping
    windows, whose outputs are averaged with smooth weights. The fill stays within the range of the known voxels
    around it. The network was not trained for holes without exemplars: they keep the smooth fill. The network for
    lost slices starts from the smooth fill or from registered slices, as its weights were trained; it leaves other
    holes, and what lies outside the body, to that. Each voxel is reported as filled by what changed it last.

    Attributes:
        name: which network.
        weights: a file from `medpaint train`; None takes the shipped one.
        pace: how thoroughly the first fill searches for exemplars; None keeps the smooth fill.
        flips: average the outputs for the crop and for its mirror images.
        device: where the network runs, as torch names it.
    """

    name: NetworkName
    weights: Path | None = None
    pace: Pace | None = "brisk"
    flips: bool = False
    device: str = "cpu"
    context_mm: float = 150.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the corrected fill; see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
            UnreadableError: the weights cannot be used.
            UsageError: this machine does not have the device.
        """
        lost = self._first_fill(hole)
        start = Start.of(
            hole.image,
            hole.mask,
            void=hole.void,
            spacing_mm=hole.spacing_mm,
            seed=seed,
            pace=self.pace,
            lost=lost,
        )
        filled, changed = self._corrected(start)
        filled_by = np.select((changed[hole.mask], start.sharper[hole.mask]), [0, 1], 2).astype(np.uint8)
        stages, sharper = {"biharmonic": values_at(start.smooth, hole.mask)}, "exemplar" if self.pace else lost
        if sharper != "biharmonic":
            stages[sharper] = values_at(start.filled, hole.mask)
        fillers = (self.name, sharper, "biharmonic")
        fill = Fill(values_at(filled, hole.mask)[np.newaxis], fillers, filled_by, stages=stages)
        if not (filled_by == 0).any():
            return fill
        loaded = load_weights(self.name, self.weights, device=self.device)
        return replace(fill, device=self.device, weights_sha256=loaded.sha256)

    def _first_fill(self, hole: Hole) -> FirstFill:
        """Return what lost slices start from."""
        if not NETWORKS[self.name].for_lost_slices or not gap_axes(hole.mask, hole.void):
            return "biharmonic"
        return load_weights(self.name, self.weights, device=self.device).facts.start

    def _corrected(self, start: Start) -> tuple[Image, Mask]:
        """Return the scan with the corrected fill, and where the network changed it, both (I, J, K)."""
        changed = np.zeros(start.mask.shape, dtype=bool)
        fitting = [one for one in crops_of(self.name, start) if self._fits(start, one)]
        if not fitting:
            return start.filled, changed
        loaded = load_weights(self.name, self.weights, device=self.device)
        pieces = []
        for crop in fitting:
            window = body_of(self.name, start, crop)
            hole, filled = start.mask[window], start.filled[window].copy()
            known = filled[start.known[window]]
            added = correction(loaded, start, window, flips=self.flips)
            after = filled + start.spread * added
            filled[hole] = np.clip(after, known.min(), known.max())[hole]
            pieces.append((window, filled))
            changed[window] = added != 0.0
        return Overlaid(start.filled, pieces), changed

    def _fits(self, start: Start, crop: Window) -> bool:
        """Return whether the network was trained for the first fill of a crop."""
        hole = start.mask[crop]
        if start.spread == 0.0:
            return False
        if NETWORKS[self.name].for_lost_slices:
            return axis_of(self.name, start, crop) is not None
        return self.pace is None or not np.array_equal(start.filled[crop][hole], start.smooth[crop][hole])


def unet3d(
    *, weights: str | Path | None = None, pace: Pace | None = "brisk", flips: bool = False, device: str = "cpu"
) -> Learned:
    """Return the volumetric network's engine; see `Learned`."""
    return Learned("unet3d", Path(weights) if weights else None, pace, flips, device)


def unet2d(
    *, weights: str | Path | None = None, pace: Pace | None = "brisk", flips: bool = False, device: str = "cpu"
) -> Learned:
    """Return the slice-wise network's engine; see `Learned`."""
    return Learned("unet2d", Path(weights) if weights else None, pace, flips, device)


def resnet2d(*, weights: str | Path | None = None, flips: bool = False, device: str = "cpu") -> Learned:
    """Return the engine of the network for lost slices; see `Learned`."""
    return Learned("resnet2d", Path(weights) if weights else None, None, flips, device)
