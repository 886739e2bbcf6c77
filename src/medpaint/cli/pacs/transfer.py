"""`medpaint pacs fetch` and `medpaint pacs store`: series from a server, and products to it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from medpaint.cli.lines import print_line
from medpaint.cli.pacs.server import add_server, server_of
from medpaint.cli.progress import progress_bar
from medpaint.cli.subcommands import add_subcommand
from medpaint.core.errors import AbsentError, InputError, MedpaintError, UsageError
from medpaint.io.tables import read_rows

if TYPE_CHECKING:
    from medpaint.cli.subcommands import Commands
    from medpaint.pacs import Server

__all__ = ["configure_fetch", "configure_store"]

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+){4,}")
"""An identifier; addresses of networks have fewer parts."""


def configure_fetch(commands: Commands) -> None:
    """Declare the arguments of `fetch`."""
    parser = add_subcommand(commands, "fetch", "fetch series from a server")
    add_server(parser)
    parser.add_argument("--study", metavar="UID", help="study of the series to fetch")
    parser.add_argument("--series", metavar="UID", help="the series to fetch")
    parser.add_argument("--table", type=Path, metavar="TSV", help="fetch the rows of its columns study and series")
    parser.add_argument(
        "--row", metavar="SCAN", help="fetch this scan of a cohort's --table alone, and print no identifiers"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where to make a folder for each series, named by its UID",
    )
    parser.add_argument(
        "--status",
        type=Path,
        metavar="JSON",
        help="write here whether the series is on the server, and exit with 0 even if it is not",
    )
    parser.set_defaults(work=_fetch)


def configure_store(commands: Commands) -> None:
    """Declare the arguments of `store`."""
    parser = add_subcommand(commands, "store", "store DICOM files on a server")
    parser.usage = "medpaint pacs store URL (PATH [PATH ...] | --summary TSV) [options]"
    add_server(parser)
    paths = parser.add_argument(
        "paths", nargs="+", default=[], type=Path, metavar="PATH", help="DICOM files, or folders of them"
    )
    parser.add_argument(
        "--summary",
        action=_InsteadOf,
        other=paths,
        type=Path,
        metavar="TSV",
        help="store the scans that the summary of a cohort lists as restored",
    )
    parser.set_defaults(work=_store)


class _InsteadOf(argparse.Action):
    """An option whose presence makes a positional argument optional.

    With ``nargs="*"`` instead, argparse takes an empty list before the first option and refuses paths after it.
    """

    def __init__(self, *, other: argparse.Action, **settings: Any) -> None:  # noqa: ANN401 - those of argparse
        super().__init__(**settings)
        self._other = other

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store the value, and no longer require the other argument."""
        del parser, option_string
        setattr(namespace, self.dest, values)
        self._other.required = False


def _fetch(parsed: argparse.Namespace) -> int:
    """Fetch each series into a folder of its own, and report the series that the server does not have."""
    from medpaint.cohort.staging import save_fetch
    from medpaint.pacs import check_uids

    server = server_of(parsed)
    if (parsed.table is None) == (not (parsed.study and parsed.series)) or (parsed.row and parsed.table is None):
        message = "expected either --table, with or without --row, or --study with --series"
        raise UsageError(message)
    fetched, absent = [], []
    with _withheld() if parsed.row else nullcontext():
        wanted = _wanted(parsed)
        check_uids(*(uid for pair in wanted for uid in pair))
        for study, series in wanted:
            try:
                fetched.append(str(_fetch_series(server, study, series, parsed.output)))
            except AbsentError as error:
                absent.append("the server does not have the series of this scan" if parsed.row else str(error))
    if parsed.status is not None:
        parsed.output.mkdir(parents=True, exist_ok=True)
        save_fetch("; ".join(absent), parsed.status)
    elif absent:
        message = f"fetched {len(fetched)} of {len(wanted)} series: {'; '.join(absent)}"
        raise AbsentError(message)
    for reason in absent:
        print_line(f"failed: {reason}", to_stderr=True)
    if parsed.json:
        folders = [str(parsed.output)] if parsed.row and fetched else fetched
        print(json.dumps({"status": "fetched", "folders": folders}))
        return 0
    for folder in fetched:
        print_line(str(parsed.output) if parsed.row else folder)
    return 0


@contextmanager
def _withheld() -> Iterator[None]:
    """Leave identifiers out of the messages of errors."""
    try:
        yield
    except MedpaintError as error:
        raise type(error)(_UID.sub("(an identifier)", str(error))) from None


def _wanted(parsed: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the study and the series of each series to fetch."""
    if parsed.row:
        from medpaint.cohort.table import row_of

        row = row_of(parsed.table, parsed.row)
        return [(row.study, row.series.partition("#")[0])]
    return _read_wanted(parsed.table) if parsed.table else [(parsed.study, parsed.series)]


def _fetch_series(server: Server, study: str, series: str, output: Path) -> Path:
    """Return the folder of a series, after fetching it unless the folder exists."""
    folder = output / series
    if not folder.exists():
        with progress_bar() as progress:
            server.fetch(study, series, folder, progress)
    return folder


def _store(parsed: argparse.Namespace) -> int:
    """Store the DICOM files among the paths and in the folders that a summary lists."""
    server = server_of(parsed)
    restored = _read_restored(parsed.summary) if parsed.summary else []
    files = _dicom_files([*parsed.paths, *restored])
    if parsed.paths and not files:
        message = f"expected DICOM files to store, found none in {', '.join(map(str, parsed.paths))}"
        raise InputError(message)
    count = 0
    if files:  # a summary may list nothing as restored
        with progress_bar() as progress:
            count = server.store(files, progress)
    if parsed.json:
        print(json.dumps({"status": "stored", "instances": count}))
    else:
        print_line(f"stored {count} instances")
    return 0


def _dicom_files(places: Sequence[Path]) -> list[Path]:
    """Return the DICOM files among files and below folders."""
    from medpaint.io.sniff import files_below, kind_of_content

    files = [file for place in places for file in (files_below(place) if place.is_dir() else [place])]
    return [file for file in files if kind_of_content(file) == "dicom"]


def _read_restored(summary: Path) -> list[Path]:
    """Return the folders of the scans that a cohort's summary lists as restored.

    Raises:
        UnreadableError: the file cannot be read.
        UsageError: not a summary.
    """
    rows = read_rows(summary, columns=None, required=("status", "restored"), what="the summary of a cohort")
    products = [row.values["restored"] for row in rows if row.values["status"] == "restored"]
    return [(summary.parent / product).parent for product in products]


def _read_wanted(path: Path) -> list[tuple[str, str]]:
    """Return the study and the series in each row of a table.

    Raises:
        UnreadableError: the file cannot be read.
        UsageError: a column is missing.
    """
    rows = read_rows(path, columns=None, required=("study", "series"), what="a table of series")
    return [(row.values["study"], row.values["series"]) for row in rows]
