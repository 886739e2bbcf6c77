"""The errors that a user can cause, drawn as a tree.

    MedpaintError
    ├── UsageError             2  the call itself is wrong
    ├── InputError             3  what was given cannot be used
    │   ├── UnreadableError       not an image, truncated, damaged
    │   ├── UnsupportedError      an image of a kind that is not restored (colour, complex, ...)
    │   ├── GeometryError         slices or grids that make no volume
    │   ├── AmbiguousError        several things that could be meant; the message lists them
    │   └── MaskError             a mask that cannot be right for this scan
    ├── ConvergenceError       1  an engine's equations could not be solved
    ├── EngineError            1  an engine broke its contract: not finite, wrong shape
    ├── PartialFailureError    4  the others are done, some scans failed
    ├── VerificationError      5  a product does not agree with its record
    └── ServerError            6  a server was not reached, or refused
        └── AbsentError           it does not have what was asked for

Each message is one line: what was expected, what came, where.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AbsentError",
    "AmbiguousError",
    "ConvergenceError",
    "EngineError",
    "GeometryError",
    "InputError",
    "MaskError",
    "MedpaintError",
    "PartialFailureError",
    "ServerError",
    "UnreadableError",
    "UnsupportedError",
    "UsageError",
    "VerificationError",
]


class MedpaintError(Exception):
    """Something a user can cause and can mend."""

    exit_code: ClassVar[int] = 1


class UsageError(MedpaintError):
    """The call is wrong: an unknown engine, options that exclude each other."""

    exit_code: ClassVar[int] = 2


class InputError(MedpaintError):
    """The input is refused."""

    exit_code: ClassVar[int] = 3


class UnreadableError(InputError):
    """The file is not an image, or is damaged."""


class UnsupportedError(InputError):
    """The image is whole, but of a kind that is not restored."""


class GeometryError(InputError):
    """Slices or grids that do not make one volume."""


class AmbiguousError(InputError):
    """Several things could be meant; the message lists them."""


class MaskError(InputError):
    """The mask cannot be right for this scan."""


class ConvergenceError(MedpaintError):
    """An engine's equations could not be solved to its tolerance."""


class EngineError(MedpaintError):
    """An engine broke its contract: values that are not finite, or of the wrong shape or type."""


class PartialFailureError(MedpaintError):
    """A run is done, but some of its scans failed."""

    exit_code: ClassVar[int] = 4


class VerificationError(MedpaintError):
    """A product does not agree with its record."""

    exit_code: ClassVar[int] = 5


class ServerError(MedpaintError):
    """A server was not reached, refused, or sent something else than was asked for."""

    exit_code: ClassVar[int] = 6


class AbsentError(ServerError):
    """A server answered that it does not have what was asked for."""
