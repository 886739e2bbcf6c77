"""Engines with networks, volumetric and slice-wise, that correct a first fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from medpaint.engines.base import Fill, Hole
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.gaps import gap_axes
from medpaint.engines.learned.corrected import Correcting
from medpaint.engines.learned.networks.names import NETWORKS, FirstFill, NetworkName
from medpaint.engines.learned.start import Start
from medpaint.engines.learned.usage import Runnable
from medpaint.engines.learned.weights import Loaded, load_weights

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
        sharper = "exemplar" if self.pace is not None else "" if lost == "biharmonic" else lost
        return Correcting(self.name, NETWORKS[self.name], self._runnable, sharper, self.flips).fill(start)

    def _first_fill(self, hole: Hole) -> FirstFill:
        """Return what lost slices start from."""
        if not NETWORKS[self.name].for_lost_slices or not gap_axes(hole.mask, hole.void):
            return "biharmonic"
        return self._loaded().facts.start

    def _loaded(self) -> Loaded:
        """Return the network with its weights."""
        return load_weights(self.name, self.weights, device=self.device)

    def _runnable(self) -> Runnable:
        """Return the network, ready to run."""
        return self._loaded().runnable


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
