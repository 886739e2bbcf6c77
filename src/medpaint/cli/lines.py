"""Lines for people: what they quote cannot steer a terminal or pass for another line."""

from __future__ import annotations

import sys

from medpaint.core.text import one_line

__all__ = ["print_line", "print_row"]


def print_line(text: str = "", *, to_stderr: bool = False) -> None:
    """Print one line, its control characters escaped."""
    print(one_line(text), file=sys.stderr if to_stderr else sys.stdout)


def print_row(*cells: str) -> None:
    """Print the cells of a table, separated by tabs."""
    print("\t".join(map(one_line, cells)))
