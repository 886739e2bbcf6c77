"""YAML files of plain values, read without what a few lines could do harm with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from medpaint.core.errors import UnreadableError
from medpaint.core.text import escaped

__all__ = ["plain_yaml"]

_UNFIT: Final = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
"""What PyYAML raises for a value that is tagged as what it is not."""

_DEEPEST: Final = 32
"""Largest number of levels."""


def plain_yaml(content: bytes, path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a YAML file holds; nothing in it is run.

    Args:
        content: of the file.
        path: the file, for messages.

    Raises:
        UnreadableError: not plain YAML: no text, aliases, too many levels, or values that do not fit their tags.
    """
    try:
        text = content.decode("utf-8")
        refusal = _refusal(text)
        values = None if refusal else yaml.safe_load(text)
    except UnicodeDecodeError as error:
        message = f"{path}: not a text file in UTF-8"
        raise UnreadableError(message) from error
    except yaml.YAMLError as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None) or error
        where = f", line {mark.line + 1}" if mark else ""
        message = f"{path}{where}: expected YAML, got an error: {escaped(str(why))}"
        raise UnreadableError(message) from error
    except _UNFIT as error:
        message = f"{path}: expected YAML, got a value that its tag does not fit, or that is far too large"
        raise UnreadableError(message) from error
    if refusal:
        message = f"{path}: {refusal}"
        raise UnreadableError(message)
    return values


def _refusal(text: str) -> str:
    """Return why a text in YAML is not taken: a few lines can stand for more than any memory holds."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            return "expected YAML without aliases (*name): write the values out"
        if depth > _DEEPEST:
            return f"expected YAML of at most {_DEEPEST} levels"
    return ""
