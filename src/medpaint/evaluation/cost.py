"""What a piece of work costs: seconds, and how far it raises the memory of this process."""

from __future__ import annotations

import ctypes
import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Generic, TypeVar

__all__ = ["Footprint", "measured"]

Result = TypeVar("Result")

_PROC: Final = Path("/proc/self")
_RESET_PEAK: Final = "5"
"""What Linux wants to read in ``clear_refs`` to start the peak anew (proc(5))."""


@dataclass(frozen=True)
class Footprint(Generic[Result]):
    """A result and what it cost.

    Attributes:
        result: what the work returned.
        seconds: time on the wall clock.
        peak_mb: how far the resident memory rose above where it stood at the start, in MB of a million bytes; not
            a number where the system does not tell.
    """

    result: Result
    seconds: float
    peak_mb: float


def measured(work: Callable[[], Result]) -> Footprint[Result]:
    """Do `work` and measure it.

    The memory is the kernel's own peak of the resident set (VmHWM), set back before the work starts, after the
    allocator has given back what it held. So it counts every library, and nothing that was there before. Linux
    only.
    """
    gc.collect()
    _trim()
    before = _reset_peak()
    start = perf_counter()
    result = work()
    seconds = perf_counter() - start
    return Footprint(result, seconds, max(0.0, _peak_mb() - before))


def _trim() -> None:
    """Have the C library give free memory back to the system, where it can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return


def _reset_peak() -> float:
    """Set the peak to the memory in use now, and return it in MB; not a number where that is not possible."""
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
