"""What a network adds to a first fill, crop by crop."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Window
from medpaint.engines.gaps import lost_slices
from medpaint.engines.learned.beside import beside_gap, beside_hole
from medpaint.engines.learned.crops import axis_of
from medpaint.engines.learned.resampling import resampled, working_shape
from medpaint.engines.learned.running import outputs_of
from medpaint.engines.learned.start import Start
from medpaint.engines.learned.usage import Runnable

__all__ = ["correction"]

_SLICES: Final = 4
"""Largest number of slices that a slice-wise network is given at once."""

_PIXELS: Final = 600_000
"""Approximate largest number of pixels of all of them."""


def correction(loaded: Runnable, start: Start, crop: Window, *, flips: bool) -> FloatArray:
    """Return what to add to the first fill, in multiples of its spread, (I, J, K); 0 where no network ran.

    Args:
        loaded: the network.
        start: the first fill.
        crop: what the network sees of it.
        flips: average the outputs for the crop and for its mirror images.
    """
    network, inputs = loaded.usage.network, loaded.usage.inputs
    axis, lost, shown = axis_of(network, start, crop), None, start.shown(crop, inputs.shown)
    if axis is not None and network.for_lost_slices:
        lost, unseen = lost_slices(start.mask[crop], start.void_in(crop), axis)
        hole = shown[inputs.shown.index("hole")]
        np.moveaxis(hole, axis, 0)[...] = unseen[:, np.newaxis, np.newaxis]
    shape = working_shape(shown.shape[1:], start.spacing_mm, wanted_mm=loaded.usage.size_mm, kept=axis)
    stacked = inputs.stacked(resampled(shown, shape))
    if axis is None:
        output = _averaged(loaded, stacked[np.newaxis], flips=flips)[0]
    else:
        slices = _by_slice(loaded, np.moveaxis(stacked, 1 + axis, 1), lost, flips=flips)
        output = np.moveaxis(slices, 0, axis)
    if not loaded.usage.image or output.shape == shown.shape[1:]:
        found: FloatArray = resampled(output[np.newaxis], shown.shape[1:])[0]
        return found
    return _of_image(output, stacked[inputs.start_at], shown[inputs.shown.index("start")])


def _of_image(output: FloatArray, coarse: FloatArray, start: FloatArray) -> FloatArray:
    """Return what to add to a first fill so that nothing of it remains where a network filled in the image.

    Args:
        output: the image less the first fill, as the network sees them; 0 where none ran.
        coarse: the first fill as the network sees it, of the same shape.
        start: the first fill at the scan's voxel size, (I, J, K).
    """
    image, ran = resampled(np.stack([output + coarse, (output != 0.0).astype(np.float32)]), start.shape)
    added: FloatArray = np.where(ran > 0.0, image - start, np.float32(0.0))
    return added


def _by_slice(loaded: Runnable, channels: FloatArray, lost: Mask | None, *, flips: bool) -> FloatArray:
    """Return the outputs for slices with a hole, 0 for the others; (C, S, J, K) to (S, J, K).

    Args:
        loaded: the network.
        channels: its input, slices first.
        lost: which slices are lost, (S,), for the network that fills those; None for the others.
        flips: average over mirror images.
    """
    reach, hole = loaded.usage.network.reach, channels[loaded.usage.inputs.hole_at]
    beside = beside_hole if lost is None else beside_gap
    numbers = np.flatnonzero(hole.any(axis=(1, 2)) if lost is None else lost)
    outputs = np.zeros(channels.shape[1:], np.float32)
    count = max(1, min(_SLICES, _PIXELS // outputs[0].size))
    for some in np.split(numbers, np.arange(count, len(numbers), count)):
        seen = np.stack([beside(channels, int(number), reach) for number in some])
        outputs[some] = _averaged(loaded, seen.reshape(len(some), -1, *seen.shape[3:]), flips=flips)
    return outputs


def _averaged(loaded: Runnable, inputs: FloatArray, *, flips: bool) -> FloatArray:
    """Return the network's output, (B, C, ...) to (B, ...), averaged over mirror images if `flips` is set."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(inputs))
    axes = range(2, batch.ndim)
    turns = list(product((False, True), repeat=len(axes))) if flips else [(False,) * len(axes)]
    total = torch.zeros_like(batch[:, :1])
    with torch.inference_mode():
        for turn in turns:
            flipped = [axis for axis, wanted in zip(axes, turn, strict=True) if wanted]
            total += outputs_of(loaded, batch.flip(flipped)).flip(flipped)
    output: FloatArray = (total / len(turns))[:, 0].numpy()
    return output
