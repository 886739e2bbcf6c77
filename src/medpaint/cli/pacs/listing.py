"""`medpaint pacs list` and `medpaint pacs find`: the series on a server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.cli.lines import print_row
from medpaint.cli.pacs.server import add_server, server_of
from medpaint.cli.subcommands import add_subcommand

if TYPE_CHECKING:
    from medpaint.cli.subcommands import Commands
    from medpaint.pacs import RemoteSeries

__all__ = ["configure_find", "configure_list"]


def configure_list(commands: Commands) -> None:
    """Declare the arguments of `list`."""
    parser = add_subcommand(commands, "list", "list all series on a server")
    add_server(parser)
    _add_key(parser)
    parser.set_defaults(work=_list, conditions=())


def configure_find(commands: Commands) -> None:
    """Declare the arguments of `find`."""
    parser = add_subcommand(commands, "find", "list the series on a server that match")
    add_server(parser)
    parser.add_argument(
        "conditions",
        nargs="+",
        type=_condition,
        metavar="KEY=VALUE",
        help="a DICOM keyword and its value, such as Modality=MR or StudyDate=20250101-",
    )
    _add_key(parser)
    parser.set_defaults(work=_list)


def _add_key(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes a cohort's table of the list."""
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="print a cohort's table; its scans are named by a hash with the secret in this file",
    )


def _condition(word: str) -> tuple[str, str]:
    """Return the key and the value of a condition.

    Raises:
        argparse.ArgumentTypeError: one of them is missing.
    """
    key, _, value = word.partition("=")
    if not (key and value):
        message = f"expected KEY=VALUE, such as Modality=MR, got {word!r}"
        raise argparse.ArgumentTypeError(message)
    return key, value


def _list(parsed: argparse.Namespace) -> int:
    """Print the series that match the conditions."""
    from medpaint.io.private import keyed_name, read_secret

    secret = read_secret(parsed.key) if parsed.key else b""
    found = server_of(parsed).series(dict(parsed.conditions))
    names = [keyed_name(secret, one.series) for one in found] if secret else []
    if parsed.json:
        named = [{"scan": name} for name in names] or [{} for _ in found]
        rows = [{**name, **vars(one)} for name, one in zip(named, found, strict=True)]
        print(json.dumps({"status": "listed", "series": rows}))
    else:
        _print(found, names)
    return 0


def _print(found: Sequence[RemoteSeries], names: Sequence[str]) -> None:
    """Print the series as a table; as a cohort's table if `--key` was given.

    Args:
        found: the series.
        names: the name of each as a scan of a cohort; empty without `--key`.
    """
    if names:
        print_row("scan", "study", "series")
        for name, one in zip(names, found, strict=True):
            print_row(name, one.study, one.series)
        return
    print_row("study", "series", "modality", "instances")
    for one in found:
        print_row(one.study, one.series, one.modality, str(one.instances))
