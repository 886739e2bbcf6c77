"""The cost of a piece of work: seconds, and the rise of this process's memory."""

from __future__ import annotations

import ctypes
import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Generic, TypeVar

__all__ = ["Cost", "measured"]

Result = TypeVar("Result")

_PROC: Final = Path("/proc/self")
_RESET_PEAK: Final = "5"
"""Written to ``clear_refs``, it resets the peak (proc(5))."""


@dataclass(frozen=True)
class Cost(Generic[Result]):
    """A result and what it cost.

    Attributes:
        result: what the work returned.
        seconds: wall-clock time.
        peak_mb: rise of the resident memory above its size at the start, in MB of a million bytes; NaN where the
            system does not report it.
    """

    result: Result
    seconds: float
    peak_mb: float


def measured(work: Callable[[], Result]) -> Cost[Result]:
    """Run `work` and measure it.

    The memory is the kernel's own peak of the resident set (VmHWM), reset before the work starts, after the
    allocator has returned free memory. It covers every library, and nothing that was in use before. Linux only.
    """
    gc.collect()
    _trim()
    before = _reset_peak()
    start = perf_counter()
    result = work()
    seconds = perf_counter() - start
    return Cost(result, seconds, max(0.0, _peak_mb() - before))


def _trim() -> None:
    """Have the C library return free memory to the system, if it can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return


def _reset_peak() -> float:
    """Reset the peak to the memory in use now, and return it in MB; NaN if that is not possible."""
    try:
        (_PROC / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return math.nan
    return _peak_mb()


def _peak_mb() -> float:
    """Return the highest resident memory since the reset, in MB."""
    try:
        lines = (_PROC / "status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return math.nan
    found = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: nan kB")
    return float(found.split()[1]) * 1.024e-3
