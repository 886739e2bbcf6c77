"""Work in a process of its own, which may hang or crash without taking this one with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["Crashed", "TimedOut", "done_apart"]

_CRASHES: Final = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
"""Signals that a fault in native code ends a process with; others come from outside."""

_LOOK_S: Final = 0.02
_LONGEST_LOOK_S: Final = 1.0
"""What counts of the time between two looks: it is longer where both processes were paused."""

_DIE_WITH_PARENT: Final = 1
"""PR_SET_PDEATHSIG of Linux."""


class TimedOut(Exception):  # noqa: N818 - an outcome for the caller to describe
    """The work took too long and was ended."""


class Crashed(Exception):  # noqa: N818 - an outcome for the caller to describe
    """A fault in native code ended the work; the message is the signal's name."""


def done_apart(work: Callable[[], int], limit_s: float) -> int:
    """Do `work` in a child of this process and return its exit code.

    The process is copied, so call this before libraries start threads.

    Args:
        work: what to do; returns an exit code and raises nothing.
        limit_s: seconds until the child is killed; those in which a terminal pauses both do not count.

    Raises:
        TimedOut: it took longer.
        Crashed: native code failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_child(work)
    ended = False
    try:
        status = _wait(child, limit_s)
        ended = True
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0 and signal.Signals(-code) in _CRASHES:
        raise Crashed(signal.Signals(-code).name)
    return code if code >= 0 else 128 - code


def _be_child(work: Callable[[], int]) -> None:
    """Do the work and end this process, without what the parent would do at its end."""
    code = 1
    try:
        with suppress(OSError, AttributeError):  # only Linux has it
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(child: int, limit_s: float) -> int:
    """Return the status that a child ends with.

    Raises:
        TimedOut: it does not end in time.
    """
    left_s, looked = limit_s, time.monotonic()
    while left_s > 0:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(_LOOK_S)
        now = time.monotonic()
        left_s -= min(now - looked, _LONGEST_LOOK_S)
        looked = now
    raise TimedOut
