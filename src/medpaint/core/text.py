"""Text from files and servers, made fit for a message, a log, a record or a table."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

__all__ = ["LONGEST", "LONGEST_LINE", "escaped", "known_words", "one_line", "withheld"]

LONGEST: Final = 80
"""Characters of a text from elsewhere that are shown, at most."""

LONGEST_LINE: Final = 10_000
"""Characters of a line of a message, a log, a record or a table, at most."""

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
