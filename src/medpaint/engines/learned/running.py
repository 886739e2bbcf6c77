"""A network run over inputs of any size, window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from medpaint.engines.learned.tiles import tile_weights, tiles

if TYPE_CHECKING:
    from torch import Tensor

    from medpaint.engines.learned.weights import Loaded

__all__ = ["windowed"]

_AT_ONCE: Final = {2: 8, 3: 4}
"""Number of windows in a batch, which one thread computes, by the number of axes of the network."""


def windowed(loaded: Loaded, batch: Tensor, hole: int) -> Tensor:
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
