"""What all commands and their subcommands have: exit codes in the help, and `--json`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no other name for it

__all__ = ["EXIT_CODES", "add_command", "add_json", "add_subcommand"]

EXIT_CODES: Final = (
    "exit codes: 0 done, 1 internal error or failed write, 2 wrong usage, 3 input refused, 4 done but some scans "
    "failed, 5 verification failed, 6 a server failed, 130 interrupted"
)


def add_command(commands: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a command, described by its summary; return its parser."""
    return commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=EXIT_CODES
    )


def add_subcommand(commands: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a command below another one; return its parser. It takes `--json` as its parent does."""
    parser = add_command(commands, name, summary)
    add_json(parser, default=argparse.SUPPRESS)  # a default here would replace what the parent has parsed
    return parser


def add_json(parser: argparse.ArgumentParser, *, default: object = False) -> None:
    """Add the option `--json`."""
    parser.add_argument(
        "--json", action="store_true", default=default, help="print one JSON object and nothing else on stdout"
    )
