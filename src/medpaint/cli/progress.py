"""A progress bar on stderr, for work that takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from medpaint.core.types import Progress

__all__ = ["progress_bar"]

PATIENCE_S = 1.0


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress | None]:
    """Yield a callback that draws the step and the fraction done, after a second of work."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        total=100, delay=PATIENCE_S, leave=False, file=sys.stderr, bar_format="{desc:<8} {bar} {elapsed}"
    ) as bar:

        def tell(step: str, fraction: float) -> None:
            bar.set_description_str(step, refresh=False)
            bar.n = round(100 * fraction)
            bar.update(0)
            bar.refresh()

        yield tell
