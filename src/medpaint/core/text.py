"""Text from files and servers, made fit for a message, a log, a record or a table."""

from __future__ import annotations

import errno
import os
import re
import reprlib
from collections.abc import Collection, Mapping
from typing import Any, Final

__all__ = [
    "LONGEST",
    "LONGEST_LINE",
    "described_os",
    "distinct_digits",
    "escaped",
    "known_words",
    "one_line",
    "problem",
    "short_repr",
    "withheld",
]

LONGEST: Final = 80
"""Characters of a text from elsewhere that are shown, at most."""

LONGEST_LINE: Final = 10_000
"""Characters of a line of a message, a log, a record or a table, at most."""

_LONGEST_NAME: Final = 300
"""Characters of a file's name that are shown, at most."""

_LONGEST_REASON: Final = 500
"""Characters of the reason why a value is wrong, at most; it can list the values that are allowed."""

_NUMBER: Final = re.compile(r"[+-]?[0-9.]{1,25}([eE][+-]?[0-9]{1,4})?")


def escaped(text: str, longest: int = LONGEST) -> str:
    r"""Return a text on one line, without control characters, of bounded length.

    Control characters, line and paragraph separators, invisible and direction-changing characters, and half
    characters are written as their code, ``\x1b`` or ``\u202e``; a backslash is kept. What is longer than
    `longest` is cut, and ends with ``…``.
    """
    shown = "".join(one if one.isprintable() else _code(one) for one in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def one_line(text: str) -> str:
    """Return a whole message fit for output: on one line, without control characters, of bounded length."""
    return escaped(text, LONGEST_LINE)


def distinct_digits(value: float, other: float) -> str:
    """Return a number as briefly as it can be written and still be on its side of another."""
    for digits in range(max(2, len(f"{abs(value):.0f}")), 18):
        text = f"{value:.{digits}g}"
        if value == other or (float(text) != other and (float(text) > other) == (value > other)):
            return text
    return repr(value)


def short_repr(value: object) -> str:
    """Return how Python writes a value, on one line and of bounded length."""
    try:
        return escaped(" ".join(reprlib.repr(value).split()))
    except ValueError:  # an integer of more digits than Python writes
        return f"a value of type {type(value).__name__}"


def problem(error: Mapping[str, Any], skip: int = 0) -> str:
    """Return where a value is wrong and why, on one line, from one of the errors that pydantic lists.

    Args:
        error: the item of the list.
        skip: leading parts of the place that are left out.
    """
    where = escaped(".".join(str(part) for part in error["loc"][skip:]))
    why = escaped(str(error["msg"]).removeprefix("Value error, "), _LONGEST_REASON)
    reason = f"{why[:1].lower()}{why[1:]}"
    return f"{where}: {reason}" if where else reason


def described_os(error: OSError) -> str:
    """Return an error of the operating system on one line; words of our own about no file stand alone."""
    if error.errno == errno.ENOENT and error.filename is None:
        return "the current folder was deleted: change to another one (cd)"
    if error.filename is None and error.errno and error.strerror not in {None, os.strerror(error.errno)}:
        return escaped(str(error.strerror))
    where = f" {escaped(str(error.filename), _LONGEST_NAME)}" if error.filename else ""
    return f"cannot read or write{where}: {error.strerror or error}"


def known_words(text: str, known: Collection[str] = ()) -> str:
    """Return a text that consists of numbers and known words; that it is withheld if it contains others.

    Free text of a header may name a person.

    Args:
        text: from a file or a server.
        known: words that may be shown, in lower case.
    """
    words = text.split()
    if all(_NUMBER.fullmatch(word) or word.lower() in known for word in words):
        return escaped(" ".join(words))
    return withheld(text)


def withheld(text: str) -> str:
    """Return what may be said of a text that could name a person."""
    return f"a text of {len(text)} characters, withheld because it could name a person"


def _code(character: str) -> str:
    """Return the code of a character, as Python writes it."""
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
