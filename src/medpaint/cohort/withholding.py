"""Jobs of scans whose products are de-identified: nothing that they say names a file, a folder or a series.

Names of files and folders, and what messages quote of them, often hold a patient's name. So the reason of a
failure is its kind alone, and what libraries print is dropped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

from medpaint.core.errors import (
    AmbiguousError,
    GeometryError,
    InputError,
    MaskError,
    MedpaintError,
    OutOfMemoryError,
    ServerError,
    UnreadableError,
    UnsupportedError,
    UsageError,
    VerificationError,
    WriteError,
)

__all__ = ["kind_of_failure", "unheard"]

_KINDS: Final[dict[type[BaseException], str]] = {
    UnreadableError: "a file is damaged, or is not an image",
    UnsupportedError: "the image is of a kind that cannot be restored",
    GeometryError: "slices or grids do not form one volume",
    AmbiguousError: "there are several candidates, and nothing says which is meant",
    MaskError: "the mask cannot be right for this scan",
    InputError: "the scan, its mask or the place of its products is refused, or a file is not there",
    UsageError: "a parameter does not apply to this scan",
    ServerError: "the series could not be fetched from the server",
    VerificationError: "what was written differs from what was to be written",
    WriteError: "a file cannot be written",
    OutOfMemoryError: "the scan needs more memory than this job has",
    OSError: "a file cannot be read or written",
}

_ADVICE: Final = (
    "which one, and why, is withheld, because the products are de-identified and it could name a person: call "
    "`medpaint inspect` or `medpaint restore` for this scan alone to see it"
)


def kind_of_failure(error: BaseException) -> str:
    """Return what kind of failure an error is, in words that name nobody."""
    kind = next((_KINDS[one] for one in type(error).__mro__ if one in _KINDS), "")
    if not kind and isinstance(error, MedpaintError):
        kind = "the scan could not be restored"
    return f"{kind} ({type(error).__name__}); {_ADVICE}"


@contextmanager
def unheard() -> Iterator[None]:
    """Drop all that is printed meanwhile, by native code too."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, ExitStack() as stack:
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            stream.flush()
            kept = os.dup(number)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            os.dup2(nowhere.fileno(), number)
        stack.enter_context(redirect_stdout(nowhere))
        stack.enter_context(redirect_stderr(nowhere))
        yield
