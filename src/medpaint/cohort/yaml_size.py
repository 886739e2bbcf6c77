"""The size of what a YAML file stands for, counted before anything is made of it.

Aliases of aliases let a few lines stand for more values than any memory holds (the billion laughs attack).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml

__all__ = ["refusal_of"]

_DEEPEST: Final = 32
"""Largest number of levels in a configuration."""

_MOST_VALUES: Final = 100_000
"""Values and collections in a configuration, at most, each as often as an alias repeats it."""


@dataclass
class _Open:
    """A collection that has not ended: its anchor, and how many values are in it so far, itself counted."""

    anchor: str | None = None
    values: int = 1


@dataclass
class _Count:
    """The values so far: of the collections that are open, outermost first, and behind each anchor that ended."""

    open: list[_Open] = field(default_factory=lambda: [_Open()])
    behind: dict[str, int] = field(default_factory=dict)

    def add(self, values: int, anchor: str | None = None) -> None:
        """Add values to the collection that is open."""
        self.open[-1].values += values
        if anchor is not None:
            self.behind[anchor] = values

    def close(self) -> None:
        """End the collection that is open."""
        ended = self.open.pop()
        self.add(ended.values, ended.anchor)


def refusal_of(text: str) -> str:
    """Return why a text in YAML is not read; empty if it is, and also if it is not YAML, which its reader says."""
    count = _Count()
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if reason := _refusal(event, count):
                return reason
    except yaml.YAMLError:
        return ""
    return ""


def _refusal(event: yaml.Event, count: _Count) -> str:
    """Count an event; return why the text is not read after it, or nothing."""
    if isinstance(event, yaml.CollectionStartEvent):
        count.open.append(_Open(event.anchor))
    elif isinstance(event, yaml.CollectionEndEvent):
        count.close()
    elif isinstance(event, yaml.ScalarEvent):
        count.add(1, event.anchor)
    elif isinstance(event, yaml.AliasEvent):
        if any(one.anchor == event.anchor for one in count.open):
            return "expected YAML without values that contain themselves (an alias inside its own anchor)"
        count.add(count.behind.get(event.anchor or "", 1))
    if len(count.open) > _DEEPEST:
        return f"expected YAML of at most {_DEEPEST} levels"
    if sum(one.values for one in count.open) > _MOST_VALUES:
        return f"expected YAML of at most {_MOST_VALUES:,} values: write out the aliases (*name) of aliases"
    return ""
