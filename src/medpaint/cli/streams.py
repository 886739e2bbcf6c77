"""The standard streams, which may be closed, full, or pipes that nobody reads."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

__all__ = ["flush_output", "prepare", "say", "silence"]

_STREAMS: Final = ("stdin", "stdout", "stderr")


def prepare() -> None:
    """Make the streams safe to use: closed ones become the null device, and any text can be written.

    A file opened while a standard stream is closed would take its descriptor, and get what libraries print.
    """
    for descriptor, name in enumerate(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # takes the lowest descriptor that is free: this one
            os.set_inheritable(opened, True)  # noqa: FBT003 - its second parameter has no keyword
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be UTF-8
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write out what was printed; what stderr cannot take is dropped.

    Raises:
        BrokenPipeError: nobody reads the output.
        OSError: it cannot be written.
    """
    try:
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise
    except OSError as error:
        silence(sys.stdout)
        raise OSError(error.errno, error.strerror, "the standard output") from error


def say(text: str, stream: TextIO) -> None:
    """Write a line to a stream; where that fails there is nowhere to report it, and the stream is silenced."""
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Send what a stream still holds, and what comes, to the null device: Python writes it when it exits."""
    with suppress(OSError):  # not a stream of the system
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()
