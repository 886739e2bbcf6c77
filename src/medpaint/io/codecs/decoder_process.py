"""Decoding in a process of its own: a fault in native code ends that one, and is an error here."""

from __future__ import annotations

import atexit
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Final

import numpy as np

from medpaint.core.types import Array
from medpaint.io.codecs.decoding import READY, Task

__all__ = ["DecodingError", "decoded_apart"]

_START: Final = "import sys; sys.path[:] = {path!r}; from medpaint.io.codecs.worker import serve; serve()"

_FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}
"""Signals that no fault in a decoder sends; the kernel sends the first if memory is short."""


class DecodingError(Exception):
    """The decoder refused the frame, crashed, or took too long; the message says which."""


def decoded_apart(task: Task, frame: bytes) -> Array:
    """Return the stored values of a frame, (rows, columns), of the task's type.

    Raises:
        DecodingError: it cannot be decoded.
        OSError: the process could not be started, or was killed from outside.
    """
    return np.frombuffer(_worker(os.getpid()).answer(task, frame), task.dtype).reshape(task.shape)


@cache
def _worker(owner: int) -> _Worker:
    """Return the worker of a process. It lives as long as that: starting one takes a quarter of a second."""
    del owner  # a fork has one of its own, because two cannot talk to the same
    worker = _Worker()
    atexit.register(worker.end)
    return worker


class _Worker:
    """A process that decodes frames one after the other; started when needed, and again after it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def answer(self, task: Task, frame: bytes) -> bytes:
        """Return the values of a frame; see `decoded_apart`."""
        with self._lock:
            process = self._running()
            try:
                error, values = _exchange(process, task, frame)
            except BaseException:
                process.kill()
                self._forget(process)
                raise
            if error:
                raise DecodingError(error)
            if len(values) < task.dtype.itemsize * task.plane.values:
                self._forget(process)
                raise _fate(process.returncode)
        return values

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, a new one if none runs or it ended between two frames."""
        if self._process is not None and self._process.poll() is not None:
            self._forget(self._process)
        self._process = self._process or _started()
        return self._process

    def end(self) -> None:
        """End the process, which has nothing to do."""
        if self._process is not None:
            self._process.kill()
            self._forget(self._process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a process that is ending."""
        self._process = None
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):  # a request was not read
                if pipe is not None:
                    pipe.close()


def _started() -> subprocess.Popen[bytes]:
    """Start a process that decodes, with the modules that this one finds.

    Raises:
        OSError: it does not start; always ENOEXEC, so that nothing takes it for an error of the scan's file.
    """
    command = [sys.executable, "-c", _START.format(path=[str(place) for place in sys.path])]
    failed = "the process that decodes pixels does not start"
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        message = f"{failed}: {error.strerror} ({sys.executable})"
        raise OSError(errno.ENOEXEC, message) from error
    if process.stdout is None or process.stdout.readline() != READY:
        process.kill()
        process.communicate()
        message = f"{failed} (exit code {process.returncode})"
        raise OSError(errno.ENOEXEC, f"{message}: import medpaint.io.codecs.worker in {sys.executable} to see why")
    return process


def _exchange(process: subprocess.Popen[bytes], task: Task, frame: bytes) -> tuple[str, bytes]:
    """Send a frame; return the kind of error, empty if there was none, and the values, too few if it ended."""
    if process.stdin is None or process.stdout is None:
        message = "expected a process with pipes"
        raise ValueError(message)
    try:
        process.stdin.write(json.dumps({**asdict(task), "size": len(frame)}).encode() + b"\n")
        process.stdin.write(frame)
        process.stdin.flush()
    except BrokenPipeError:
        return "", b""
    line = process.stdout.readline()
    values = process.stdout.read(task.dtype.itemsize * task.plane.values) if line == b"\n" else b""
    return line.decode("ascii", "replace").strip(), values


def _fate(code: int) -> DecodingError | OSError:
    """Return the error that the end of a process means."""
    if code == -signal.SIGPROF:
        return DecodingError("it took too much time")
    if -code in _FROM_OUTSIDE:
        name = signal.Signals(-code).name
        return OSError(errno.ENOMEM, f"the decoder was killed ({name}), probably because memory ran out")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return DecodingError(f"it crashed: {how}")
