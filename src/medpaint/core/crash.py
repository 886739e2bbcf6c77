"""What is logged about an internal error: where it happened, but never the value of a DICOM attribute."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from typing import Final

from medpaint.core.text import one_line

__all__ = ["described", "is_out_of_memory", "print_trace", "trace_of"]

_QUOTING: Final = (
    "medpaint.io.dicom",
    "medpaint.pacs",
    "pydicom",
    "highdicom",
    "dicomanonymizer",
    "requests",
    "urllib3",
    "pynetdicom",
)
"""Packages whose errors can quote attributes, a patient's name among them."""

_HEAD: Final = "Traceback (most recent call last):\n"


def described(error: BaseException) -> str:
    """Return type and message of an error; the type alone if the message could name a patient."""
    kind = type(error).__name__
    return (
        f"{kind}, message withheld: it could name a patient" if _may_quote(error) else one_line(f"{kind}: {error}")
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that there is too little memory; torch has errors of its own for that."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def trace_of(error: BaseException, *, quoting: bool = True) -> str:
    """Return the traceback of an error; without messages if not quoting, or if one could name a patient."""
    if quoting and not _may_quote(error):
        return "".join(traceback.format_exception(error))
    parts = [
        "".join([_HEAD, *traceback.format_tb(one.__traceback__), type(one).__name__, "\n"])
        for one in reversed(list(_chain(error)))
    ]
    return "\n".join(parts)


def print_trace(error: BaseException, *, quoting: bool = True) -> None:
    """Write the traceback of an error to stderr, for the log; without messages if not quoting."""
    sys.stderr.write("".join(f"{one_line(one)}\n" for one in trace_of(error, quoting=quoting).split("\n") if one))


def _may_quote(error: BaseException) -> bool:
    """Return whether one of these packages was involved in an error, or in one that led to it."""
    modules = (
        frame.f_globals.get("__name__", "")
        for one in _chain(error)
        for frame, _ in traceback.walk_tb(one.__traceback__)
    )
    return any(module == name or module.startswith(f"{name}.") for module in modules for name in _QUOTING)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
