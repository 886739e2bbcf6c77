"""Restore corrupted or lesioned regions of medical volumes, with a record that lets anyone check them.

The names below are the whole public interface; each is loaded when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

from medpaint.__about__ import __version__

if TYPE_CHECKING:
    from medpaint.audit.verify import Verdict, verify
    from medpaint.core.errors import InputError, MedpaintError, UsageError, VerificationError
    from medpaint.core.volume import Volume
    from medpaint.detectors.detect import detect
    from medpaint.engines.registry import engine_names
    from medpaint.io.inspection import inspect
    from medpaint.io.reading import read_scan
    from medpaint.parameters import Parameters
    from medpaint.pipeline.case import Restoration
    from medpaint.pipeline.restore import restore
    from medpaint.record.entries import Record

__all__ = [
    "InputError",
    "MedpaintError",
    "Parameters",
    "Record",
    "Restoration",
    "UsageError",
    "Verdict",
    "VerificationError",
    "Volume",
    "__version__",
    "detect",
    "engine_names",
    "inspect",
    "read_scan",
    "restore",
    "verify",
]

_HOMES = {
    "InputError": "core.errors",
    "MedpaintError": "core.errors",
    "Parameters": "parameters",
    "Record": "record.entries",
    "Restoration": "pipeline.case",
    "UsageError": "core.errors",
    "Verdict": "audit.verify",
    "VerificationError": "core.errors",
    "Volume": "core.volume",
    "detect": "detectors.detect",
    "engine_names": "engines.registry",
    "inspect": "io.inspection",
    "read_scan": "io.reading",
    "restore": "pipeline.restore",
    "verify": "audit.verify",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a public name from its home."""
    if name not in _HOMES:
        message = f"module 'medpaint' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"medpaint.{_HOMES[name]}"), name)
    if isinstance(value, FunctionType):
        value = _in_python(value)
    globals()[name] = value
    return value


def _in_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose errors name keywords instead of flags of the command line."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
        try:
            return function(*args, **kwargs)
        except Exception as error:
            from medpaint.core.errors import InputError, MedpaintError
            from medpaint.core.text import described_os
            from medpaint.parameters import as_keywords

            if isinstance(error, OSError):
                raise InputError(described_os(error)) from error
            if isinstance(error, MedpaintError):
                error.args = (as_keywords(str(error)),)
            raise

    call.__module__ = __name__  # where pickle finds it
    return call


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
