"""Errors that users can cause, drawn as a tree.

    MedpaintError
    ├── UsageError             2  the call itself is wrong
    ├── InputError             3  what was given cannot be used
    │   ├── UnreadableError       not an image, truncated, damaged
    │   ├── UnsupportedError      an image that cannot be restored (colour, complex, ...)
    │   ├── GeometryError         slices or grids that do not form a volume
    │   ├── AmbiguousError        several candidates; the message lists them
    │   ├── LockedError           another process is writing there
    │   └── MaskError             a mask that cannot be right for this scan
    ├── WriteError             1  a file could not be written: no space, no permission
    ├── ConvergenceError       1  an engine's equations could not be solved
    ├── OutOfMemoryError     1  the machine has too little memory for a scan
    ├── EngineError            1  an engine broke its contract: not finite, wrong shape
    ├── PartialFailureError    4  some scans failed, the others are done
    ├── VerificationError      5  a product does not agree with its record
    └── ServerError            6  a server could not be reached, or refused
        └── AbsentError           the server does not have what was requested

Each message is one line: what was expected, what came, where, and what to do. Control characters in what it
quotes, such as the name of a file, are escaped.
"""

from __future__ import annotations

from typing import ClassVar

from medpaint.core.text import one_line

__all__ = [
    "AbsentError",
    "AmbiguousError",
    "ConvergenceError",
    "EngineError",
    "GeometryError",
    "InputError",
    "LockedError",
    "MaskError",
    "MedpaintError",
    "OutOfMemoryError",
    "PartialFailureError",
    "ServerError",
    "UnreadableError",
    "UnsupportedError",
    "UsageError",
    "VerificationError",
    "WriteError",
]


class MedpaintError(Exception):
    """Something that a user can cause and fix."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class UsageError(MedpaintError):
    """The call is wrong: an unknown engine, or options that exclude each other."""

    exit_code: ClassVar[int] = 2


class InputError(MedpaintError):
    """The input is refused."""

    exit_code: ClassVar[int] = 3


class UnreadableError(InputError):
    """The file is not an image, or is damaged."""


class UnsupportedError(InputError):
    """The image is intact, but of a kind that cannot be restored."""


class GeometryError(InputError):
    """Slices or grids that do not form one volume."""


class AmbiguousError(InputError):
    """The input is ambiguous; the message lists the candidates."""


class LockedError(InputError):
    """Another process is writing there."""


class MaskError(InputError):
    """The mask cannot be right for this scan."""


class WriteError(MedpaintError):
    """A file could not be written."""


class ConvergenceError(MedpaintError):
    """An engine's equations could not be solved to its tolerance."""


class OutOfMemoryError(MedpaintError):
    """The machine, or the job, has too little memory for a scan; nothing is wrong with the scan."""


class EngineError(MedpaintError):
    """An engine broke its contract: values that are not finite, or of the wrong shape or type."""


class PartialFailureError(MedpaintError):
    """A run finished, but some of its scans failed."""

    exit_code: ClassVar[int] = 4


class VerificationError(MedpaintError):
    """A product does not agree with its record."""

    exit_code: ClassVar[int] = 5


class ServerError(MedpaintError):
    """A server could not be reached, refused, or sent something other than what was requested."""

    exit_code: ClassVar[int] = 6


class AbsentError(ServerError):
    """The server does not have what was requested."""
