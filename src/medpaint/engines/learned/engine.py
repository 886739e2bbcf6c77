"""Fills that networks have learned: volumetric and slice-wise, on the same first fill."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.learned.gaps import beside_gap, lost_axis
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.resampling import resampled, working_shape
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.engines.learned.weights import Loaded, load_weights
from medpaint.engines.slicing import slicing_axis
from medpaint.engines.windows import windows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Learned", "resnet2d", "unet2d", "unet3d"]

_SEEN_MM: Final = 20.0
"""Margin around the holes that a network sees."""

_OVERLAP: Final = 0.4
"""Share of a window that neighbouring ones have in common, at least."""

_HOLE: Final = CHANNELS.index("hole")

_AT_ONCE: Final = {2: 32, 3: 4}
"""Windows that a network of 2 or 3 axes is given at once."""


@final
@dataclass(frozen=True)
class Learned:
    """Adds to a first fill what a network says is missing.

    The first fill is that of exemplars, or a smooth one where there are none. The network sees it with
    the mask and the other side of the body, brought to the voxel size that it was trained at, and its answer is
    brought back: the scan itself is never resampled. Holes larger than a window are seen in overlapping windows,
    whose answers are averaged with smooth weights. The fill stays in the range of the known voxels around it.
    Where no exemplars were found, the network was not trained to go on, and the smooth fill stays. The network for
    lost slices starts from the smooth fill, and leaves all other holes to it.

    Attributes:
        name: which network.
        weights: a file that `medpaint train` wrote; None takes the shipped one.
        pace: how thoroughly the first fill looks for exemplars.
        flips: average the answers to the crop and to its mirror images.
        device: where the network runs, as torch names it.
    """

    name: NetworkName
    weights: Path | None = None
    pace: Pace | None = "brisk"
    flips: bool = False
    device: str = "cpu"
    context_mm: float = 150.0

    def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
        """Return `image` with the mask filled, (I, J, K); see `Engine`. The seed draws the exemplars.

        Raises:
            ConvergenceError: the smooth fill is not found.
            UnreadableError: the weights cannot be used.
        """
        start = Start.of(image, mask, spacing_mm=spacing_mm, seed=seed, pace=self.pace)
        seen_mm = max(_SEEN_MM, NETWORKS[self.name].reach * max(spacing_mm))
        wanted = [window for window in windows(mask, spacing_mm, seen_mm) if self._goes_on(start, window)]
        filled = start.filled.copy()
        if not wanted:
            return filled
        loaded = load_weights(self.name, self.weights, device=self.device)
        for window in wanted:
            hole, before = mask[window], start.filled[window]
            known = before[~hole]
            after = before + start.spread * self._correction(loaded, start, window)
            filled[window][hole] = np.clip(after, known.min(), known.max())[hole]
        return filled

    @property
    def weights_sha256(self) -> str:
        """Hash of the file of weights."""
        return load_weights(self.name, self.weights, device=self.device).sha256

    def _goes_on(self, start: Start, window: Window) -> bool:
        """Return whether the network was trained to go on from a first fill."""
        hole = start.mask[window]
        if start.spread == 0.0:
            return False
        if NETWORKS[self.name].for_lost_slices:
            return lost_axis(hole) is not None
        return self.pace is None or not np.array_equal(start.filled[window][hole], start.smooth[window][hole])

    def _axis(self, hole: Mask, spacing_mm: Spacing) -> int | None:
        """Return the axis that the network sees slices across; None: it works in space."""
        network = NETWORKS[self.name]
        if network.ndim == 3:
            return None
        return lost_axis(hole) if network.for_lost_slices else slicing_axis(hole, spacing_mm)

    def _correction(self, loaded: Loaded, start: Start, window: Window) -> FloatArray:
        """Return what to add in a window, in multiples of the spread, (I, J, K)."""
        shown = start.shown(window)
        axis = self._axis(start.mask[window], start.spacing_mm)
        fitted = resampled(shown, working_shape(shown.shape[1:], start.spacing_mm, kept=axis))
        if axis is None:
            answer = self._answer(loaded, fitted[np.newaxis])[0]
        else:
            answer = np.moveaxis(self._by_slice(loaded, np.moveaxis(fitted, 1 + axis, 1)), 0, axis)
        correction: FloatArray = resampled(answer[np.newaxis], shown.shape[1:])[0]
        return correction

    def _by_slice(self, loaded: Loaded, channels: FloatArray) -> FloatArray:
        """Return the answers for the slices that hold a hole, 0 for the others; (C, S, J, K) to (S, J, K)."""
        network, count = NETWORKS[self.name], channels.shape[1]
        answers = np.zeros(channels.shape[1:], np.float32)
        for number in np.flatnonzero(channels[_HOLE].any(axis=(1, 2))):
            if network.for_lost_slices:
                seen = beside_gap(channels, int(number), network.reach)
            else:
                beside = np.arange(number - network.reach, number + network.reach + 1)
                seen = channels[:, np.clip(beside, 0, count - 1)]
            answers[number] = self._answer(loaded, seen.reshape(1, -1, *seen.shape[2:]))[0]
        return answers

    def _answer(self, loaded: Loaded, inputs: FloatArray) -> FloatArray:
        """Return what the network says, (B, C, ...) to (B, ...), averaged over mirror images if asked for."""
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
        answer: FloatArray = (total / len(turns))[:, 0].numpy()
        return answer


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
    """Return the answer to a batch of any size, (B, C, ...) to (B, 1, ...), window by window.

    Windows without a hole are left out; the answer is 0 where no window was.

    Args:
        loaded: the network.
        batch: what it is shown.
        hole: channel that says where the holes are.
    """
    import torch
    from monai.data.utils import compute_importance_map, dense_patch_slices

    size = [loaded.facts.size] * (batch.ndim - 2)
    padded = _padded(batch, size)
    importance = compute_importance_map(tuple(size), mode="gaussian")
    step = [round(edge * (1.0 - _OVERLAP)) for edge in size]
    places: list[tuple[Any, ...]] = [
        (number, *place)
        for number in range(len(padded))
        for place in dense_patch_slices(padded.shape[2:], size, step)
        if bool(padded[number, hole][place].any())
    ]
    total, weight = torch.zeros_like(padded[:, :1]), torch.zeros_like(padded[:, :1])
    for first in range(0, len(places), _AT_ONCE[batch.ndim - 2]):
        part = places[first : first + _AT_ONCE[batch.ndim - 2]]
        seen = torch.stack([padded[(one[0], slice(None), *one[1:])] for one in part])
        for one, answer in zip(part, _seen(loaded, seen), strict=True):
            total[(one[0], slice(None), *one[1:])] += importance * answer
            weight[(one[0], slice(None), *one[1:])] += importance
    whole: Tensor = total / weight.clamp_min(1e-9)
    return whole[(slice(None), slice(None), *(slice(0, edge) for edge in batch.shape[2:]))]


def _padded(batch: Tensor, size: list[int]) -> Tensor:
    """Return a batch whose axes are as long as a window at least, the border repeated at their ends."""
    import torch

    missing = [max(0, edge - have) for edge, have in zip(size, batch.shape[2:], strict=True)]
    pairs = [width for more in reversed(missing) for width in (0, more)]
    return torch.nn.functional.pad(batch, pairs, mode="replicate") if any(missing) else batch


def _seen(loaded: Loaded, windows: Tensor) -> Tensor:
    """Return the network's answers to some windows, on the CPU, in single precision."""
    import torch

    on_cuda = loaded.device.startswith("cuda")
    with torch.autocast("cuda", torch.float16, enabled=on_cuda):
        answer: Tensor = loaded.network(windows.to(loaded.device))
    return answer.float().cpu()
