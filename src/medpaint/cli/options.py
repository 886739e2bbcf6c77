"""Flags made from the fields of `Parameters`: flag = config key = parameter."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from medpaint.parameters import Parameters

__all__ = ["add_parameters", "given_parameters"]

_TYPES = {
    "engine": str,
    "seed": int,
    "edge_mm": float,
    "dilate_mm": float,
    "max_fraction": float,
    "frame": int,
    "samples": int,
}


def add_parameters(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add a flag for each named parameter; one that is not given leaves no trace."""
    for name in names:
        field = Parameters.model_fields[name]
        default = "" if field.default in (None, (), False, "") else f" Default: {field.default}."
        settings: dict[str, Any] = {
            "dest": name,
            "default": argparse.SUPPRESS,
            "help": f"{field.description}{default}",
        }
        if field.annotation is bool:
            settings["action"] = "store_true"
        elif get_origin(field.annotation) is Literal:
            settings["choices"] = get_args(field.annotation)
        elif name == "labels":
            settings |= {"type": _label, "nargs": "+", "metavar": "LABEL"}
        else:
            settings |= {"type": _TYPES.get(name, str), "metavar": name.rsplit("_", 1)[-1].upper()}
        parser.add_argument(f"--{name.replace('_', '-')}", **settings)


def _label(word: str) -> int | str:
    """Return a label as a number where it is one."""
    return int(word) if word.lstrip("-").isdigit() else word


def given_parameters(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that were given on the command line."""
    return {name: getattr(parsed, name) for name in Parameters.model_fields if hasattr(parsed, name)}
