"""A progress bar on stderr, for work that takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from medpaint.core.types import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["progress_bar"]

PATIENCE_S: Final = 1.0
"""Shorter work draws nothing."""

TICK_S: Final = 0.2
"""How often the clock in the bar is drawn again, even while a step reports nothing new."""


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Yield a callback for the step and the fraction of it that is done; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    layout = "{desc:<8} {percentage:3.0f}% {bar} {elapsed}"
    with tqdm(total=100, delay=PATIENCE_S, leave=False, file=sys.stderr, bar_format=layout) as bar:
        done = threading.Event()
        ticker = threading.Thread(target=_tick, args=(bar, done), daemon=True)
        ticker.start()

        def report(step: str, fraction: float) -> None:
            bar.set_description_str(step, refresh=False)
            bar.n = round(100 * fraction)

        try:
            yield report
        finally:
            done.set()
            ticker.join()


def _tick(bar: tqdm[None], done: threading.Event) -> None:
    """Redraw the bar until the work is done, once it has taken a while; then clear it."""
    if done.wait(PATIENCE_S):
        return
    while not done.wait(TICK_S):
        bar.refresh()
    bar.clear()
