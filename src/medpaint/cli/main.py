"""Choose the command, run it, and turn errors into one line and an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from medpaint.__about__ import __version__
from medpaint.cli.lines import print_line
from medpaint.cli.streams import flush_output, prepare, say, silence
from medpaint.cli.subcommands import EXIT_CODES, add_command, add_json
from medpaint.cli.threads import limit_threads, wait_asleep
from medpaint.core.errors import MedpaintError
from medpaint.core.text import described_os

__all__ = ["COMMANDS", "guarded", "main"]

COMMANDS: Final[dict[str, str]] = {
    "restore": "restore one scan",
    "detect": "find damage in one scan, and write its mask",
    "inspect": "show what is in a file or folder, and whether it can be restored",
    "verify": "check products against their records",
    "run": "restore a cohort with Snakemake",
    "pacs": "list, find, fetch and store series on a server",
    "engines": "list what can fill a mask",
    "evaluate": "score engines on holes made in clean scans",
    "corrupt": "damage a clean scan on purpose, with known truth",
    "train": "train a network on clean scans",
    "export-bundle": "write a network of medpaint as a MONAI bundle",
    "demo": "make a small cohort from real scans, damage it, restore it, score it",
    "ingest": "(a job of run) read a scan and its mask",
    "inpaint": "(a job of run) fill the masks of a batch",
    "export": "(a job of run) write a restored scan and its record",
    "dataset": "(a job of run) damage the scans of a cohort on purpose, and list what was made",
    "summary": "(a job of run) write the table of all scans and their outcomes",
    "check": "(a job of run) fail if a scan failed",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    prepare()
    wait_asleep(os.environ)
    try:
        parsed = _parsed(list(sys.argv[1:] if arguments is None else arguments))
    except SystemExit:  # help, the version, or wrong usage
        try:
            flush_output()
        except OSError as error:
            return _unwritten(error)
        raise
    if hasattr(parsed, "threads"):
        limit_threads(parsed.threads, os.environ)
    return guarded(parsed, parsed.execute)


def guarded(parsed: argparse.Namespace, execute: Callable[[argparse.Namespace], int]) -> int:
    """Run a command, turn errors into one line, and return the exit code."""
    try:
        code = int(execute(parsed))
        flush_output()
    except BrokenPipeError as error:
        return _unwritten(error)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        message, code = _explained(error)
        return _fail(parsed, error, message, code)
    return code


def _explained(error: BaseException) -> tuple[str, int]:
    """Return one line about an error, and the exit code; an internal error's trace goes to stderr first."""
    if isinstance(error, MedpaintError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, OSError):
        return described_os(error), 1
    from medpaint.core.crash import described, is_out_of_memory, trace_of

    if is_out_of_memory(error):
        return "this takes more memory than there is: use a machine with more", 1
    for line in trace_of(error).splitlines():
        print_line(line, to_stderr=True)
    return f"internal error, please report it: {described(error)}", 1


def _parsed(words: list[str]) -> argparse.Namespace:
    """Return the arguments as the wanted command reads them."""
    wanted = next((word for word in words if not word.startswith("-")), "")
    parser = _parser(wanted)
    parsed, rest = parser.parse_known_args(words)
    if rest and not getattr(parsed, "passes_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parsed.rest = rest
    return parsed


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
            module = import_module(f"medpaint.cli.{name.replace('-', '_')}")
            add_json(command)
            module.configure(command)
            command.set_defaults(execute=module.execute)
    return parser


def _unwritten(error: OSError) -> int:
    """Report that the output could not be written, unless nobody reads it; return the exit code."""
    silence(sys.stdout)
    if not isinstance(error, BrokenPipeError):
        print_line(f"medpaint: {described_os(error)}", to_stderr=True)
    return 1


def _fail(parsed: argparse.Namespace, error: BaseException, message: str, code: int) -> int:
    """Report an error: a line on stderr, and with --json an object on stdout."""
    print_line(f"medpaint: {message}", to_stderr=True)
    if parsed.json:
        answer = {"status": "error", "error": type(error).__name__, "message": message, "exit_code": code}
        say(json.dumps(answer), sys.stdout)
    return code
