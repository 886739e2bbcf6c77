"""What is said where memory does not suffice for a scan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medpaint.core.errors import OutOfMemoryError

__all__ = ["memory_for"]


@contextmanager
def memory_for(count: int, what: object) -> Iterator[None]:
    """Say how much memory was wanted where a block finds too little.

    Args:
        count: bytes that the block takes memory for.
        what: the file that it reads.

    Raises:
        OutOfMemoryError: there is too little memory.
    """
    try:
        yield
    except MemoryError as error:
        size = f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{max(1, count // 10**6):,} MB"
        message = (
            f"memory ran out: reading {what} takes at least {size}: close other programs, use a machine with more "
            "memory, or give its job more (mem_mb in the profile)"
        )
        raise OutOfMemoryError(message) from error
