"""Run Snakemake on a cohort."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from medpaint.cohort.yaml_size import refusal_of
from medpaint.core.errors import InputError
from medpaint.io.regular import regular_bytes
from medpaint.io.stored import read_errors

__all__ = ["run_snakemake", "snakemake_command", "working_folder"]

_ENDING: Final = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}
"""Signals to signals: a terminal that closes ends a run as gently as a request does."""

_MOST_BYTES: Final = 2**20
"""Size of a file with the configuration, at most."""


def run_snakemake(options: Sequence[str], *, to_stderr: bool = False) -> int:
    """Run the workflow and return Snakemake's exit code, or 128 and the signal's number where one ended the run.

    Its jobs call the `medpaint` of this environment, even if that is not on the user's path. Signals that
    ask a run to end or to pause are passed on to Snakemake and its jobs, and this waits until they have ended.

    Args:
        options: options of Snakemake.
        to_stderr: send Snakemake's stdout to stderr.

    Raises:
        InputError: a file with the configuration cannot be read.
    """
    _check_configuration(options)
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    environment = {**os.environ, "PATH": os.pathsep.join(places)}
    out = sys.stderr if to_stderr else None
    command = snakemake_command(options)
    # A group of its own: Ctrl-C in a terminal then comes to this process alone, and once to each of them.
    with (
        _passed_on() as (groups, received),
        subprocess.Popen(command, env=environment, stdout=out, process_group=0) as run,
    ):
        groups.append(run.pid)
        for number in received:  # before there was anyone to pass it on to
            _send(run.pid, number)
        code = run.wait()
    return 128 + received[0] if received and code else code


def snakemake_command(options: Sequence[str]) -> list[str]:
    """Return the command that runs the workflow: on all cores, by the default profile, or as `options` say."""
    words = [*_defaults(), *options]
    parsed = _parsed(words)
    if parsed is not None and parsed.cores is None and parsed.jobs is None:
        words = [*_defaults(), "--cores", "all", *options]
    return [sys.executable, "-m", "snakemake", *words]


def working_folder(options: Sequence[str]) -> Path:
    """Return the folder that Snakemake works in."""
    parsed = _parsed([*_defaults(), *options])
    return Path((parsed.directory if parsed else None) or ".")


def _check_configuration(options: Sequence[str]) -> None:
    """Refuse files with the configuration that cannot be read, or that Snakemake could never finish reading.

    Raises:
        InputError: one of them.
    """
    profile = _cohort_folder() / "profiles" / "default" / "config.yaml"
    _check_yaml(profile)  # first, because Snakemake's parser reads it
    parsed = _parsed([*_defaults(), *options])
    standard = Path((parsed and parsed.directory) or ".") / "config" / "config.yaml"
    named = [Path(path) for path in (parsed and parsed.configfile) or ()]
    for path in [*named, *([standard] if standard.exists() else [])]:
        _check_yaml(path)


def _check_yaml(path: Path) -> None:
    """Refuse a file that cannot be read, or that stands for too many values.

    Raises:
        InputError: such a file.
    """
    with read_errors(path):
        text = regular_bytes(path, _MOST_BYTES).decode("utf-8", "replace")
    if refusal := refusal_of(text):
        message = f"{path}: {refusal}"
        raise InputError(message)


def _defaults() -> list[str]:
    """Return the options that stand before the user's: Snakemake goes by what it reads last."""
    base = _cohort_folder()
    return ["--snakefile", str(base / "Snakefile"), "--workflow-profile", str(base / "profiles" / "default")]


def _parsed(options: Sequence[str]) -> Namespace | None:
    """Return how Snakemake's own parser understands `options` and their profile; None where it refuses them."""
    from snakemake.cli import parse_args
    from snakemake.exceptions import WorkflowError

    with suppress(SystemExit, WorkflowError), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        parsed: Namespace = parse_args(list(options))[1]
        return parsed
    return None


@contextmanager
def _passed_on() -> Iterator[tuple[list[int], list[int]]]:
    """Pass signals on while the block runs, except those that this process ignores, as under nohup.

    Yields:
        The process groups to pass them on to, which the block adds, and the signals that asked to end.
    """
    groups: list[int] = []
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        for group in groups:
            _send(group, number)

    def pause(number: int, _frame: FrameType | None) -> None:
        """Stop the groups and then this process, as Ctrl-Z does, and let them go on when this process does."""
        for group in groups:
            _send(group, number)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when a shell lets this process go on
        signal.signal(number, pause)
        for group in groups:
            _send(group, signal.SIGCONT)

    handlers = {**dict.fromkeys(_ENDING, end), signal.SIGTSTP: pause}
    heeded = [number for number in handlers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handlers[number]) for number in heeded}
    try:
        yield groups, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(group: int, number: int) -> None:
    """Pass a signal on to a group of processes."""
    with suppress(ProcessLookupError):
        os.killpg(group, _ENDING.get(signal.Signals(number), number))


def _cohort_folder() -> Path:
    """Return the folder of the workflow: the working folder if it is a checkout, otherwise the installed copy."""
    package = Path(__file__).resolve().parents[1]
    for base in (Path.cwd(), package / "_cohort", package.parents[1]):
        if (base / "Snakefile").is_file() and (base / "workflow" / "rules" / "inpaint.smk").is_file():
            return base
    message = "expected the workflow in the working folder or the package, found it in neither: reinstall medpaint"
    raise InputError(message)
