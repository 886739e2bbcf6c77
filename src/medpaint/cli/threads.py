"""How many threads the libraries of linear algebra and networks use, and how those wait for work."""

from __future__ import annotations

import argparse
from collections.abc import MutableMapping
from typing import Final

__all__ = ["add_threads", "limit_threads", "wait_asleep"]

_COUNTS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What OpenMP, OpenBLAS, MKL and Accelerate read when they are loaded."""

_WAITING: Final = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
"""Ask OpenMP and OpenBLAS, whose threads do not belong to OpenMP, for threads that sleep when they have no work.

OpenBLAS reads the logarithm of a number of clock ticks, at least 4, and by default waits 2^26 of them.
"""


def add_threads(parser: argparse._ActionsContainer) -> None:
    """Add the option `--threads`."""
    parser.add_argument(
        "--threads",
        type=_count,
        default=argparse.SUPPRESS,
        metavar="N",
        help="number of threads; the result does not depend on it (default: one for each core it may use)",
    )


def wait_asleep(environment: MutableMapping[str, str]) -> None:
    """Let threads without work sleep instead of checking for it over and over, unless the user decided.

    Threads that check take turns on the cores with those that work, which costs most on a busy machine. Libraries
    read the variables when they are loaded, so this comes first.

    Args:
        environment: the variables of this process and its children; changed.
    """
    for name, value in _WAITING.items():
        environment.setdefault(name, value)


def limit_threads(count: int, environment: MutableMapping[str, str]) -> None:
    """Set the number of threads of libraries, those that are loaded and those that will be.

    Args:
        count: number of threads.
        environment: the variables of this process and its children; changed.
    """
    from threadpoolctl import threadpool_limits

    environment.update(dict.fromkeys(_COUNTS, str(count)))
    threadpool_limits(count)


def _count(word: str) -> int:
    """Return a number of threads."""
    if not word.isdecimal() or int(word) < 1:
        message = f"expected a number of threads from 1, got {word!r}"
        raise argparse.ArgumentTypeError(message)
    return int(word)
