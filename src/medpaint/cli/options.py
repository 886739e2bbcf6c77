"""Flags made from the fields of the parameters: flag = config key = parameter."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from medpaint.core.errors import UsageError
from medpaint.parameters import FIELDS

if TYPE_CHECKING:
    from medpaint.cohort.table import ScanRow

__all__ = ["add_parameters", "add_row", "given_parameters", "row_given"]


def add_parameters(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add a flag for each named parameter; a flag that is not given leaves its parameter at the default."""
    for name in names:
        field = FIELDS[name]
        default = "" if field.default in (None, (), False, "") else f" Default: {field.default}."
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            default=argparse.SUPPRESS,
            help=f"{field.description}{default}",
            **_settings(name, field.annotation),
        )


def add_row(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the row of a scan whose products are de-identified."""
    parser.add_argument(
        "--table", type=Path, metavar="TSV", help="table of a cohort: the scan and its mask are those of --row"
    )
    parser.add_argument(
        "--row",
        metavar="SCAN",
        help="scan in --table; what its files and series are called is neither printed nor recorded",
    )


def row_given(parsed: argparse.Namespace) -> ScanRow | None:
    """Return the row that is named; None where none is.

    Raises:
        UsageError: a table without a row or the reverse, or no such row.
    """
    from medpaint.cohort.table import row_of

    if (parsed.table is None) != (parsed.row is None):
        message = "expected both --table and --row, or neither"
        raise UsageError(message)
    return row_of(parsed.table, parsed.row) if parsed.table else None


def given_parameters(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that were given on the command line, by name."""
    return {name: getattr(parsed, name) for name in FIELDS if hasattr(parsed, name)}


def _settings(name: str, annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - any type that a field may have
    """Return how argparse reads a value of a type."""
    if annotation is bool:
        return {"action": "store_true"}
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if get_origin(annotation) is tuple:
        names = get_args(get_args(annotation)[0])
        if get_origin(get_args(annotation)[0]) is Literal:
            return {"choices": names, "nargs": "+", "action": "extend", "metavar": "DETECTOR"}
        return {"type": _label, "nargs": "+", "action": "extend", "metavar": "LABEL"}
    kinds = {annotation, *get_args(annotation)} & {int, float}
    return {"type": kinds.pop() if kinds else str, "metavar": name.rsplit("_", 1)[-1].upper()}


def _label(word: str) -> int | str:
    """Return a label, as a number where it is one."""
    return int(word) if word.lstrip("-").isdigit() else word
