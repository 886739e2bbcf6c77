"""A network run over inputs of any size, part by part."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from math import ceil, prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from medpaint.engines.learned.tiles import tile_weights, tiles

if TYPE_CHECKING:
    from torch import Tensor

    from medpaint.engines.learned.usage import Runnable

__all__ = ["outputs_of"]

_AT_ONCE: Final = {2: 8, 3: 4}
"""Number of windows in a batch, which one thread computes, by the number of axes of the network."""

_Place: TypeAlias = tuple[Any, ...]
"""A window of a batch: number in the batch, then its part along each axis."""

_STRIP: Final = 120_000
"""Approximate largest number of voxels of a plane that are computed at once."""


def outputs_of(loaded: Runnable, batch: Tensor) -> Tensor:
    """Run a network on a batch of any size, (B, C, ...) to (B, 1, ...).

    A U-Net sees windows of the size that it was trained with, because it normalises by what is in them; windows
    without a hole are skipped, and the output is 0 where none was run. A network that keeps the resolution and
    does not normalise sees whole planes.

    Args:
        loaded: the network.
        batch: its input; see `Inputs.stacked`.
    """
    usage = loaded.usage
    if usage.edge is None:
        return _planes(loaded, batch, usage.reach)
    return _windowed(loaded, batch, usage.edge)


def _planes(loaded: Runnable, batch: Tensor, reach: int | None) -> Tensor:
    """Run a network on whole planes, or in strips that overlap by what a voxel depends on, if that is known."""
    import torch

    height, width = batch.shape[2], prod(batch.shape[3:])
    reach, large = (0, False) if reach is None else (reach, height * width > _STRIP)
    count = ceil(height / max(1, _STRIP // width - 2 * reach)) if large else 1
    rows = ceil(height / count)
    places = [(number, first) for number in range(len(batch)) for first in range(0, height, rows)]
    seen = (
        batch[number : number + 1, :, max(0, first - reach) : first + rows + reach] for number, first in places
    )
    whole = torch.zeros_like(batch[:, :1])
    for (number, first), output in zip(places, _run(loaded, seen), strict=True):
        strip = whole[number, :, first : first + rows]
        strip += output[0, :, min(first, reach) :][:, : strip.shape[1]]
    return whole


def _windowed(loaded: Runnable, batch: Tensor, edge: int) -> Tensor:
    """Run a network window by window; see `outputs_of`."""
    import torch

    inputs, ndim = loaded.usage.inputs, batch.ndim - 2
    slices = batch.shape[1] // inputs.count
    hole = inputs.hole_at * slices + slices // 2
    padded = _padded(batch, [edge] * ndim)
    importance = tile_weights(ndim, edge)
    places: list[_Place] = [
        (number, *place)
        for number in range(len(padded))
        for place in tiles(padded[number, hole].numpy() > 0.0, edge)
    ]
    total, weight = torch.zeros_like(padded[:, :1]), torch.zeros_like(padded[:, :1])
    parts = _even_parts(places, _AT_ONCE[ndim])
    seen = (torch.stack([padded[(one[0], slice(None), *one[1:])] for one in part]) for part in parts)
    for part, outputs in zip(parts, _run(loaded, seen), strict=True):
        for one, output in zip(part, outputs, strict=True):
            total[(one[0], slice(None), *one[1:])] += importance * output
            weight[(one[0], slice(None), *one[1:])] += importance
    whole: Tensor = total / weight.clamp_min(1e-9)
    return whole[(slice(None), slice(None), *(slice(0, size) for size in batch.shape[2:]))]


def _even_parts(places: list[_Place], most: int) -> list[list[_Place]]:
    """Divide places into parts of at most `most`, whose sizes differ by one at most."""
    count = ceil(len(places) / most)
    ends = [len(places) * number // count for number in range(count + 1)] if count else []
    return [places[first:end] for first, end in pairwise(ends)]


def _padded(batch: Tensor, size: list[int]) -> Tensor:
    """Return a batch whose axes are at least as long as a window, padded by repeating the border."""
    import torch

    missing = [max(0, edge - have) for edge, have in zip(size, batch.shape[2:], strict=True)]
    pairs = [width for more in reversed(missing) for width in (0, more)]
    return torch.nn.functional.pad(batch, pairs, mode="replicate") if any(missing) else batch


def _pair(windows: Tensor) -> Tensor:
    """Return a batch of one in 3D twice, because torch takes longer for one: it computes that without oneDNN."""
    alone = windows.ndim == 5 and len(windows) == 1
    return windows.expand(2, *windows.shape[1:]) if alone else windows


def _run(loaded: Runnable, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the network's outputs for batches of windows, in their order, on the CPU, in single precision.

    Each batch is computed by one thread, and as many of them at once as torch may use threads: sums in
    convolutions depend on the number of threads that share them.
    """
    import torch

    def output(windows: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cuda", torch.float16, enabled=on_cuda):
            found: Tensor = loaded.network(_pair(windows).to(loaded.device))
        return found[: len(windows)].float().cpu()

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
