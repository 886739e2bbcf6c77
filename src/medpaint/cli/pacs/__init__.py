"""`medpaint pacs`: list, find, fetch and store series on a server."""

from __future__ import annotations

import argparse

from medpaint.cli.pacs.listing import configure_find, configure_list
from medpaint.cli.pacs.transfer import configure_fetch, configure_store

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands; each has its own arguments and sets ``work``, which runs it."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    configure_list(commands)
    configure_find(commands)
    configure_fetch(commands)
    configure_store(commands)


def execute(parsed: argparse.Namespace) -> int:
    """Run the subcommand."""
    return int(parsed.work(parsed))
