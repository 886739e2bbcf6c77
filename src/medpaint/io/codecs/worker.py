"""The process that decodes: it reads frames from its input, and answers with their values.

It first says that it is ready. A request is a line of JSON, and the frame. An answer is a line, and the values if
the line is empty; otherwise it says what kind of error the decoder had.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final

from medpaint.io.codecs.codestream import Plane
from medpaint.io.codecs.decoding import READY, Task, decoded

__all__ = ["serve"]

_SPARE: Final = 2**29
_BYTES_PER_VALUE: Final = 40
"""Memory that decoding may take beyond what the process has: so much, and so much for each value. JPEG 2000 takes
about 20 bytes for each."""

_SECONDS: Final = 20.0
_SECONDS_PER_VALUE: Final = 1e-5
"""Processor time that decoding may take; JPEG 2000 takes a hundredth of it."""


def serve() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent to the group: the parent decides
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process when its time is up
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print
    warnings.simplefilter("ignore")
    answers.write(READY)
    answers.flush()
    for line in sys.stdin.buffer:
        words = json.loads(line)
        task = Task(words["syntax"], words["plugin"], Plane(**words["plane"]))
        _limit_memory(words["size"], task.plane.values)
        error, values = _answer(task, sys.stdin.buffer.read(words["size"]))
        answers.write(error.encode() + b"\n" + values)
        answers.flush()


def _answer(task: Task, frame: bytes) -> tuple[str, bytes]:
    """Decode a frame; return the kind of error, empty if there was none, and the values."""
    signal.setitimer(signal.ITIMER_PROF, _SECONDS + _SECONDS_PER_VALUE * task.plane.values)
    try:
        return "", decoded(task, frame).tobytes()
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises, it refused the frame
        return type(error).__name__, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def _limit_memory(packed: int, values: int) -> None:
    """Limit the memory of what follows, for a frame of so many bytes and values."""
    with suppress(ValueError, OSError):  # not every system counts memory so
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + _SPARE + 4 * packed + _BYTES_PER_VALUE * values
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
