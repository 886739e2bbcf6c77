"""Lines for people: what they quote cannot steer a terminal or pass for another line."""

from __future__ import annotations

import sys

from medpaint.cli.streams import say
from medpaint.core.text import one_line

__all__ = ["print_line", "print_row"]


def print_line(text: str = "", *, to_stderr: bool = False) -> None:
    """Print one line, its control characters escaped; what stderr cannot take is dropped."""
    if to_stderr:
        say(one_line(text), sys.stderr)
    else:
        print(one_line(text))


def print_row(*cells: str) -> None:
    """Print the cells of a table, separated by tabs."""
    print("\t".join(map(one_line, cells)))
