"""Engines with networks, volumetric and slice-wise, that correct a first fill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final, final

import numpy as np

from medpaint.core.boxes import of_whole
from medpaint.core.types import FloatArray, Mask, Window
from medpaint.engines.base import Fill, Hole
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.gaps import gap_axes, lost_axis, lost_slices
from medpaint.engines.images import Image, Overlaid, values_at
from medpaint.engines.learned.beside import beside_gap, beside_hole, body_in
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.resampling import resampled, working_shape
from medpaint.engines.learned.running import outputs_of
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.engines.learned.weights import Loaded, load_weights
from medpaint.engines.slicing import slicing_axis
from medpaint.engines.windows import windows

__all__ = ["Learned", "resnet2d", "unet2d", "unet3d"]

_SEEN_MM: Final = {2: 20.0, 3: 8.0}
"""Margin of known tissue around the holes in a network's input, by its number of axes. In 3D wider ones take far
longer and come out the same."""

_SLICES: Final = 4
"""Number of slices that a slice-wise network is given at once."""

_HOLE: Final = CHANNELS.index("hole")


@final
@dataclass(frozen=True)
class Learned:
    """Adds a network's correction to a first fill.

    The first fill comes from exemplars, and is smooth where none were found. The network sees it together with
    the mask and the other side of the body, resampled to the voxel size that it was trained at, and its output is
    resampled back: the scan itself is never resampled. Holes larger than a window are covered by overlapping
    windows, whose outputs are averaged with smooth weights. The fill stays within the range of the known voxels
    around it. The network was not trained for holes without exemplars: they keep the smooth fill. The network for
    lost slices starts from the smooth fill, or from straight lines, as its weights were trained; it leaves other
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
        straight = self._starts_straight(hole)
        start = Start.of(
            hole.image,
            hole.mask,
            void=hole.void,
            spacing_mm=hole.spacing_mm,
            seed=seed,
            pace=self.pace,
            straight=straight,
        )
        filled, changed = self._corrected(start)
        filled_by = np.select((changed[hole.mask], start.sharper[hole.mask]), [0, 1], 2).astype(np.uint8)
        stages, sharper = {"biharmonic": values_at(start.smooth, hole.mask)}, "linear" if straight else "exemplar"
        if straight or self.pace is not None:
            stages[sharper] = values_at(start.filled, hole.mask)
        fillers = (self.name, sharper, "biharmonic")
        fill = Fill(values_at(filled, hole.mask)[np.newaxis], fillers, filled_by, stages=stages)
        if not (filled_by == 0).any():
            return fill
        loaded = load_weights(self.name, self.weights, device=self.device)
        return replace(fill, device=self.device, weights_sha256=loaded.sha256)

    def _starts_straight(self, hole: Hole) -> bool:
        """Return whether the network fills lost slices that start from straight lines."""
        if not NETWORKS[self.name].for_lost_slices or not gap_axes(hole.mask, hole.void):
            return False
        return load_weights(self.name, self.weights, device=self.device).facts.start == "linear"

    def _corrected(self, start: Start) -> tuple[Image, Mask]:
        """Return the scan with the corrected fill, and where the network changed it, both (I, J, K)."""
        changed = np.zeros(start.mask.shape, dtype=bool)
        fitting = [one for one in self._windows(start) if self._fits(start, one)]
        if not fitting:
            return start.filled, changed
        loaded = load_weights(self.name, self.weights, device=self.device)
        pieces = []
        for window in self._seen(start, fitting):
            hole, filled = start.mask[window], start.filled[window].copy()
            known = filled[start.known[window]]
            correction = self._correction(loaded, start, window)
            after = filled + start.spread * correction
            filled[hole] = np.clip(after, known.min(), known.max())[hole]
            pieces.append((window, filled))
            changed[window] = correction != 0.0
        return Overlaid(start.filled, pieces), changed

    def _windows(self, start: Start) -> list[Window]:
        """Return the windows of what a network sees."""
        network = NETWORKS[self.name]
        seen_mm = max(_SEEN_MM[network.ndim], network.reach * max(start.spacing_mm))
        return windows(start.mask, start.spacing_mm, seen_mm)

    def _seen(self, start: Start, fitting: list[Window]) -> list[Window]:
        """Return what the network sees of some windows: of those with lost slices, the body."""
        if not NETWORKS[self.name].for_lost_slices:
            return fitting
        return [
            of_whole(body_in(start.smooth[one], start.known[one], start.spacing_mm, self._axis(start, one)), one)
            for one in fitting
        ]

    def _fits(self, start: Start, window: Window) -> bool:
        """Return whether the network was trained for the first fill of a window."""
        hole = start.mask[window]
        if start.spread == 0.0:
            return False
        if NETWORKS[self.name].for_lost_slices:
            return self._axis(start, window) is not None
        return self.pace is None or not np.array_equal(start.filled[window][hole], start.smooth[window][hole])

    def _axis(self, start: Start, window: Window) -> int | None:
        """Return the axis that numbers the network's slices in a window; None for a network in 3D."""
        network = NETWORKS[self.name]
        if network.ndim == 3:
            return None
        if not network.for_lost_slices:
            return slicing_axis(start.mask[window], start.spacing_mm, start.void_in(window))
        return lost_axis(start.mask[window], start.void_in(window))

    def _correction(self, loaded: Loaded, start: Start, window: Window) -> FloatArray:
        """Return what to add in a window, in multiples of the spread, (I, J, K); 0 where no network ran."""
        axis, lost = self._axis(start, window), None
        shown = start.shown(window)
        if axis is not None and NETWORKS[self.name].for_lost_slices:
            lost, unseen = lost_slices(start.mask[window], start.void_in(window), axis)
            np.moveaxis(shown[_HOLE], axis, 0)[...] = unseen[:, np.newaxis, np.newaxis]
        fitted = resampled(shown, working_shape(shown.shape[1:], start.spacing_mm, kept=axis))
        if axis is None:
            output = self._output(loaded, fitted[np.newaxis])[0]
        else:
            output = np.moveaxis(self._by_slice(loaded, np.moveaxis(fitted, 1 + axis, 1), lost), 0, axis)
        correction: FloatArray = resampled(output[np.newaxis], shown.shape[1:])[0]
        return correction

    def _by_slice(self, loaded: Loaded, channels: FloatArray, lost: Mask | None) -> FloatArray:
        """Return the outputs for slices with a hole, 0 for the others; (C, S, J, K) to (S, J, K).

        Args:
            loaded: the network.
            channels: its input, slices first.
            lost: which slices are lost, (S,), for the network that fills those; None for the others.
        """
        reach = NETWORKS[self.name].reach
        beside = beside_hole if lost is None else beside_gap
        numbers = np.flatnonzero(channels[_HOLE].any(axis=(1, 2)) if lost is None else lost)
        outputs = np.zeros(channels.shape[1:], np.float32)
        for some in np.split(numbers, np.arange(_SLICES, len(numbers), _SLICES)):
            seen = np.stack([beside(channels, int(number), reach) for number in some])
            outputs[some] = self._output(loaded, seen.reshape(len(some), -1, *seen.shape[3:]))
        return outputs

    def _output(self, loaded: Loaded, inputs: FloatArray) -> FloatArray:
        """Return the network's output, (B, C, ...) to (B, ...), averaged over mirror images if `flips` is set."""
        import torch

        batch = torch.from_numpy(np.ascontiguousarray(inputs))
        axes = range(2, batch.ndim)
        slices = batch.shape[1] // len(CHANNELS)
        hole = _HOLE * slices + slices // 2
        turns = list(product((False, True), repeat=len(axes))) if self.flips else [(False,) * len(axes)]
        total = torch.zeros_like(batch[:, :1])
        with torch.inference_mode():
            for turn in turns:
                flipped = [axis for axis, wanted in zip(axes, turn, strict=True) if wanted]
                total += outputs_of(loaded, batch.flip(flipped), hole).flip(flipped)
        output: FloatArray = (total / len(turns))[:, 0].numpy()
        return output


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
    """Return the engine of the network for lost slices, which starts from the smooth fill; see `Learned`."""
    return Learned("resnet2d", Path(weights) if weights else None, None, flips, device)
