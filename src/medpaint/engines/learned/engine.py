"""Engines with networks, volumetric and slice-wise, that correct a first fill."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Window
from medpaint.engines.base import Fill, Hole, known_voxels
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.gaps import gap_axes, lost_axis, lost_slices
from medpaint.engines.learned.beside import beside_gap
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.resampling import resampled, working_shape
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.engines.learned.tiles import tile_weights, tiles
from medpaint.engines.learned.weights import Loaded, load_weights
from medpaint.engines.slicing import slicing_axis
from medpaint.engines.windows import windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Learned", "resnet2d", "unet2d", "unet3d"]

_SEEN_MM: Final = 20.0
"""Margin of known tissue around the holes in a network's input."""

_HOLE: Final = CHANNELS.index("hole")

_AT_ONCE: Final = {2: 8, 3: 4}
"""Number of windows in a batch, which one thread computes, by the number of axes of the network."""


@final
@dataclass(frozen=True)
class Learned:
    """Adds a network's correction to a first fill.

    The first fill comes from exemplars, and is smooth where none were found. The network sees it together with
    the mask and the other side of the body, resampled to the voxel size that it was trained at, and its output is
    resampled back: the scan itself is never resampled. Holes larger than a window are covered by overlapping
    windows, whose outputs are averaged with smooth weights. The fill stays within the range of the known voxels
    around it. The network was not trained for holes without exemplars: they keep the smooth fill. The network for
    lost slices starts from the smooth fill, or from straight lines, as its weights were trained, and leaves all
    other holes to the smooth fill. Each voxel is reported as filled by what changed it last.

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
        stages, sharper = {"biharmonic": start.smooth[hole.mask]}, "linear" if straight else "exemplar"
        if straight or self.pace is not None:
            stages[sharper] = start.filled[hole.mask]
        fillers = (self.name, sharper, "biharmonic")
        fill = Fill(filled[hole.mask][np.newaxis], fillers, filled_by, stages=stages)
        if not (filled_by == 0).any():
            return fill
        loaded = load_weights(self.name, self.weights, device=self.device)
        return replace(fill, device=self.device, weights_sha256=loaded.sha256)

    def _starts_straight(self, hole: Hole) -> bool:
        """Return whether the network fills lost slices that start from straight lines."""
        if not NETWORKS[self.name].for_lost_slices or not gap_axes(hole.mask, hole.void):
            return False
        return load_weights(self.name, self.weights, device=self.device).facts.start == "linear"

    def _corrected(self, start: Start) -> tuple[FloatArray, Mask]:
        """Return the scan with the corrected fill, and where the network changed it, both (I, J, K)."""
        filled, changed = start.filled.copy(), np.zeros(start.mask.shape, dtype=bool)
        fitting = [one for one in self._windows(start) if self._fits(start, one)]
        if not fitting:
            return filled, changed
        loaded = load_weights(self.name, self.weights, device=self.device)
        for window in fitting:
            hole, before = start.mask[window], start.filled[window]
            known = before[known_voxels(hole, start.void_in(window))]
            correction = self._correction(loaded, start, window)
            after = before + start.spread * correction
            filled[window][hole] = np.clip(after, known.min(), known.max())[hole]
            changed[window] = correction != 0.0
        return filled, changed

    def _windows(self, start: Start) -> list[Window]:
        """Return the windows of what a network sees."""
        seen_mm = max(_SEEN_MM, NETWORKS[self.name].reach * max(start.spacing_mm))
        return windows(start.mask, start.spacing_mm, seen_mm)

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
        shown = start.shown(window)
        axis = self._axis(start, window)
        lost = None
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
        network, count = NETWORKS[self.name], channels.shape[1]
        outputs = np.zeros(channels.shape[1:], np.float32)
        for number in np.flatnonzero(channels[_HOLE].any(axis=(1, 2)) if lost is None else lost):
            if lost is not None:
                seen = beside_gap(channels, int(number), network.reach)
            else:
                beside = np.arange(number - network.reach, number + network.reach + 1)
                seen = channels[:, np.clip(beside, 0, count - 1)]
            outputs[number] = self._output(loaded, seen.reshape(1, -1, *seen.shape[2:]))[0]
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
                total += _windowed(loaded, batch.flip(flipped), hole).flip(flipped)
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


def _windowed(loaded: Loaded, batch: Tensor, hole: int) -> Tensor:
    """Run a network on a batch of any size window by window, (B, C, ...) to (B, 1, ...).

    Windows without a hole are skipped; the output is 0 where no window was run.

    Args:
        loaded: the network.
        batch: its input.
        hole: index of the channel that marks the holes.
    """
    import torch

    edge, ndim = loaded.facts.size, batch.ndim - 2
    padded = _padded(batch, [edge] * ndim)
    importance = tile_weights(ndim, edge)
    places: list[tuple[Any, ...]] = [
        (number, *place)
        for number in range(len(padded))
        for place in tiles(tuple(padded.shape[2:]), edge)
        if bool(padded[number, hole][place].any())
    ]
    total, weight = torch.zeros_like(padded[:, :1]), torch.zeros_like(padded[:, :1])
    at_once = _AT_ONCE[ndim]
    parts = [places[first : first + at_once] for first in range(0, len(places), at_once)]
    seen = (torch.stack([padded[(one[0], slice(None), *one[1:])] for one in part]) for part in parts)
    for part, outputs in zip(parts, _run(loaded, seen), strict=True):
        for one, output in zip(part, outputs, strict=True):
            total[(one[0], slice(None), *one[1:])] += importance * output
            weight[(one[0], slice(None), *one[1:])] += importance
    whole: Tensor = total / weight.clamp_min(1e-9)
    return whole[(slice(None), slice(None), *(slice(0, size) for size in batch.shape[2:]))]


def _padded(batch: Tensor, size: list[int]) -> Tensor:
    """Return a batch whose axes are at least as long as a window, padded by repeating the border."""
    import torch

    missing = [max(0, edge - have) for edge, have in zip(size, batch.shape[2:], strict=True)]
    pairs = [width for more in reversed(missing) for width in (0, more)]
    return torch.nn.functional.pad(batch, pairs, mode="replicate") if any(missing) else batch


def _run(loaded: Loaded, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the network's outputs for batches of windows, in their order, on the CPU, in single precision.

    Each batch is computed by one thread, and as many of them at once as torch may use threads: sums in
    convolutions depend on the number of threads that share them.
    """
    import torch

    def output(windows: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cuda", torch.float16, enabled=on_cuda):
            found: Tensor = loaded.network(windows.to(loaded.device))
        return found.float().cpu()

    on_cuda = loaded.device.startswith("cuda")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # new threads take it over
    try:
        with ThreadPoolExecutor(1 if on_cuda else threads) as pool:
            waiting: deque[Future[Tensor]] = deque()
            for windows in batches:
                waiting.append(pool.submit(output, windows))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(threads)
