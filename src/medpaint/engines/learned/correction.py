"""What a network adds to a first fill, crop by crop."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Window
from medpaint.engines.gaps import lost_slices
from medpaint.engines.learned.beside import beside_gap, beside_hole
from medpaint.engines.learned.crops import axis_of
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.learned.resampling import resampled, working_shape
from medpaint.engines.learned.running import outputs_of
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.engines.learned.weights import Loaded

__all__ = ["correction"]

_SLICES: Final = 4
"""Largest number of slices that a slice-wise network is given at once."""

_PIXELS: Final = 600_000
"""Approximate largest number of pixels of all of them."""

_HOLE: Final = CHANNELS.index("hole")


def correction(loaded: Loaded, start: Start, crop: Window, *, flips: bool) -> FloatArray:
    """Return what to add to the first fill, in multiples of its spread, (I, J, K); 0 where no network ran.

    Args:
        loaded: the network.
        start: the first fill.
        crop: what the network sees of it.
        flips: average the outputs for the crop and for its mirror images.
    """
    name = loaded.facts.network
    axis, lost, shown = axis_of(name, start, crop), None, start.shown(crop)
    if axis is not None and NETWORKS[name].for_lost_slices:
        lost, unseen = lost_slices(start.mask[crop], start.void_in(crop), axis)
        np.moveaxis(shown[_HOLE], axis, 0)[...] = unseen[:, np.newaxis, np.newaxis]
    fitted = resampled(shown, working_shape(shown.shape[1:], start.spacing_mm, kept=axis))
    if axis is None:
        output = _averaged(loaded, fitted[np.newaxis], flips=flips)[0]
    else:
        slices = _by_slice(loaded, np.moveaxis(fitted, 1 + axis, 1), lost, flips=flips)
        output = np.moveaxis(slices, 0, axis)
    found: FloatArray = resampled(output[np.newaxis], shown.shape[1:])[0]
    return found


def _by_slice(loaded: Loaded, channels: FloatArray, lost: Mask | None, *, flips: bool) -> FloatArray:
    """Return the outputs for slices with a hole, 0 for the others; (C, S, J, K) to (S, J, K).

    Args:
        loaded: the network.
        channels: its input, slices first.
        lost: which slices are lost, (S,), for the network that fills those; None for the others.
        flips: average over mirror images.
    """
    reach = NETWORKS[loaded.facts.network].reach
    beside = beside_hole if lost is None else beside_gap
    numbers = np.flatnonzero(channels[_HOLE].any(axis=(1, 2)) if lost is None else lost)
    outputs = np.zeros(channels.shape[1:], np.float32)
    count = max(1, min(_SLICES, _PIXELS // outputs[0].size))
    for some in np.split(numbers, np.arange(count, len(numbers), count)):
        seen = np.stack([beside(channels, int(number), reach) for number in some])
        outputs[some] = _averaged(loaded, seen.reshape(len(some), -1, *seen.shape[3:]), flips=flips)
    return outputs


def _averaged(loaded: Loaded, inputs: FloatArray, *, flips: bool) -> FloatArray:
    """Return the network's output, (B, C, ...) to (B, ...), averaged over mirror images if `flips` is set."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(inputs))
    axes = range(2, batch.ndim)
    slices = batch.shape[1] // len(CHANNELS)
    hole = _HOLE * slices + slices // 2
    turns = list(product((False, True), repeat=len(axes))) if flips else [(False,) * len(axes)]
    total = torch.zeros_like(batch[:, :1])
    with torch.inference_mode():
        for turn in turns:
            flipped = [axis for axis, wanted in zip(axes, turn, strict=True) if wanted]
            total += outputs_of(loaded, batch.flip(flipped), hole).flip(flipped)
    output: FloatArray = (total / len(turns))[:, 0].numpy()
    return output
