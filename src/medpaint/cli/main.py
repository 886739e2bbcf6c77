"""Choose the command, run it, and turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from medpaint.__about__ import __version__
from medpaint.cli.lines import print_line
from medpaint.cli.subcommands import EXIT_CODES, add_command, add_json
from medpaint.core.errors import MedpaintError

__all__ = ["COMMANDS", "guarded", "main"]

COMMANDS: Final[dict[str, str]] = {
    "restore": "restore one scan",
    "run": "restore a cohort with Snakemake",
    "verify": "check products against their records",
    "inspect": "show what is in a file or folder, and whether it can be restored",
    "engines": "list what can fill a mask",
    "evaluate": "score engines on holes made in clean scans",
    "train": "train a network on clean scans",
    "pacs": "list, find, fetch and store series on a server",
    "demo": "make a small cohort from real scans, damage it, restore it, score it",
    "ingest": "(a job of run) read a scan and its mask",
    "inpaint": "(a job of run) fill the masks of a batch",
    "export": "(a job of run) write a restored scan and its record",
    "summary": "(a job of run) write the table of all scans and their outcomes",
    "check": "(a job of run) fail if a scan failed",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((word for word in words if not word.startswith("-")), "")
    parser = _parser(wanted)
    parsed, rest = parser.parse_known_args(words)
    if rest and not getattr(parsed, "passes_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parsed.rest = rest
    return guarded(parsed, parsed.execute)


def guarded(parsed: argparse.Namespace, execute: Callable[[argparse.Namespace], int]) -> int:
    """Run a command, turn errors into one line, and return the exit code."""
    try:
        return int(execute(parsed))
    except MedpaintError as error:
        return _fail(parsed, error, str(error), error.exit_code)
    except KeyboardInterrupt as error:
        return _fail(parsed, error, "interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(parsed, error, str(error), 1)
    except Exception as error:  # noqa: BLE001 - the last line of defence; the trace follows
        from medpaint.core.crash import described, print_trace

        print_trace(error)
        return _fail(parsed, error, f"internal error, please report it: {described(error)}", 1)


def _parser(wanted: str) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the wanted command only."""
    parser = argparse.ArgumentParser(
        prog="medpaint",
        description="Restore corrupted or lesioned regions of medical volumes. For research, not for diagnosis.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"medpaint {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = add_command(commands, name, summary)
        if name == wanted:
            module = import_module(f"medpaint.cli.{name}")
            add_json(command)
            module.configure(command)
            command.set_defaults(execute=module.execute)
    return parser


def _fail(parsed: argparse.Namespace, error: BaseException, message: str, code: int) -> int:
    """Report an error: a line on stderr, and with --json an object on stdout."""
    print_line(f"medpaint: {message}", to_stderr=True)
    if parsed.json:
        print(
            json.dumps({"status": "error", "error": type(error).__name__, "message": message, "exit_code": code})
        )
    return code
