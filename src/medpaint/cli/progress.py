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
"""Work that is done sooner draws nothing."""

TICK_S: Final = 0.2
"""The clock in the bar moves on this often, also while a step has nothing new to tell."""


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Yield a callback for the step and the fraction of it that is done; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    layout = "{desc:<8} {percentage:3.0f}% {bar} {elapsed}"
    with tqdm(total=100, delay=PATIENCE_S, leave=False, file=sys.stderr, bar_format=layout) as bar:
        done = threading.Event()
        ticker = threading.Thread(target=_tick, args=(bar, done), daemon=True)
        ticker.start()

        def tell(step: str, fraction: float) -> None:
            bar.set_description_str(step, refresh=False)
            bar.n = round(100 * fraction)

        try:
            yield tell
        finally:
            done.set()
            ticker.join()


def _tick(bar: tqdm[None], done: threading.Event) -> None:
    """Draw the bar again and again, after a while, until the work is done; then wipe it."""
    if done.wait(PATIENCE_S):
        return
    while not done.wait(TICK_S):
        bar.refresh()
    bar.clear()
