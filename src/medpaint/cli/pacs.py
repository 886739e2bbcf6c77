"""`medpaint pacs`: list, fetch and store series of a server."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medpaint.pacs import Credentials, Server

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(passes_on=True)
    parser.add_argument("what", choices=("list", "fetch", "store"), help="what to do")
    parser.add_argument(
        "url",
        metavar="URL",
        help="DICOMweb service, such as https://pacs.example/dicom-web; or dicom://TITLE@HOST:PORT",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="PATH", help="store: DICOM files, or folders of them"
    )
    parser.add_argument(
        "--query", nargs="+", default=[], metavar="KEY=VALUE", help="list: what is looked for, such as Modality=MR"
    )
    parser.add_argument("--study", metavar="UID", help="fetch: study of the series")
    parser.add_argument("--series", metavar="UID", help="fetch: which series")
    parser.add_argument("--table", type=Path, metavar="TSV", help="fetch: table with the columns study and series")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="list: print a cohort's table, its scans named by this secret"
    )
    parser.add_argument(
        "--status",
        type=Path,
        metavar="JSON",
        help="fetch: write here whether the series is there, and end well if not",
    )
    parser.add_argument(
        "--summary", type=Path, metavar="TSV", help="store: what the summary of a cohort lists as restored"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="fetch: where a folder a series is made")
    parser.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="user:password or token:... in a file that only its owner can read; else MEDPAINT_PACS_USER and "
        "MEDPAINT_PACS_PASSWORD, or MEDPAINT_PACS_TOKEN, of the environment",
    )
    parser.add_argument("--authority", type=Path, metavar="PEM", help="certificates to trust besides the system's")
    parser.add_argument(
        "--calling", default="MEDPAINT", metavar="TITLE", help="dicom://: what we are called there"
    )
    parser.add_argument(
        "--receive",
        type=int,
        metavar="PORT",
        help="dicom://, fetch: have series sent to this port (C-MOVE), not over the same association (C-GET)",
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds of silence (default: 30)"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Do what was asked for."""
    from medpaint.core.errors import UsageError
    from medpaint.pacs import connect

    parsed.files += [Path(word) for word in parsed.rest]  # argparse leaves those over that come after options
    strange = [word for word in parsed.rest if word.startswith("-")]
    if strange or (parsed.files and parsed.what != "store"):
        message = f"unrecognized arguments: {' '.join(strange or map(str, parsed.files))}"
        raise UsageError(message)

    server = connect(
        parsed.url,
        credentials=_credentials(parsed),
        authority=parsed.authority,
        timeout_s=parsed.timeout,
        calling=parsed.calling,
        receive=parsed.receive,
    )
    return {"list": _list, "fetch": _fetch, "store": _store}[parsed.what](server, parsed)


def _credentials(parsed: argparse.Namespace) -> Credentials:
    """Return the credentials, from the file that was named or from the environment."""
    from medpaint.pacs import Credentials, read_credentials

    if parsed.credentials is not None:
        return read_credentials(parsed.credentials)
    user, password, token = (os.environ.get(f"MEDPAINT_PACS_{name}", "") for name in ("USER", "PASSWORD", "TOKEN"))
    return Credentials(user, password, token)


def _list(server: Server, parsed: argparse.Namespace) -> int:
    """Print the series that match."""
    from medpaint.core.errors import UsageError
    from medpaint.io.private import keyed_name, read_secret

    query = dict(word.partition("=")[::2] for word in parsed.query)
    if not all(query.values()):
        message = f"expected --query KEY=VALUE, such as Modality=MR, got {' '.join(parsed.query)}"
        raise UsageError(message)
    secret = read_secret(parsed.key) if parsed.key else b""
    found = server.series(query)
    if parsed.json:
        names = [{"scan": keyed_name(secret, one.series)} if secret else {} for one in found]
        told = [{**name, **vars(one)} for name, one in zip(names, found, strict=True)]
        print(json.dumps({"status": "listed", "series": told}))
        return 0
    if secret:
        print("scan\tstudy\tseries")
        print("\n".join(f"{keyed_name(secret, one.series)}\t{one.study}\t{one.series}" for one in found))
        return 0
    print("study\tseries\tmodality\tinstances")
    for one in found:
        print(f"{one.study}\t{one.series}\t{one.modality}\t{one.instances}")
    return 0


def _fetch(server: Server, parsed: argparse.Namespace) -> int:
    """Fetch each series into a folder of its own; say what became of it, where there is a file for that."""
    from medpaint.cohort.staging import save_fetch
    from medpaint.core.errors import AbsentError, UsageError
    from medpaint.pacs import check_uids

    if parsed.output is None or (parsed.table is None) == (not (parsed.study and parsed.series)):
        message = "expected --output, and either --table or --study with --series"
        raise UsageError(message)
    wanted = _table(parsed.table) if parsed.table else [(parsed.study, parsed.series)]
    check_uids(*(uid for pair in wanted for uid in pair))
    fetched, absent = [], []
    for study, series in wanted:
        try:
            fetched.append(str(_fetched(server, study, series, parsed.output)))
        except AbsentError as error:
            absent.append(str(error))
    if parsed.status is not None:
        parsed.output.mkdir(parents=True, exist_ok=True)
        save_fetch("; ".join(absent), parsed.status)
    if absent and parsed.status is None:
        message = f"fetched {len(fetched)} of {len(wanted)} series: {'; '.join(absent)}"
        raise AbsentError(message)
    for reason in absent:
        print(f"failed: {reason}", file=sys.stderr)
    print(json.dumps({"status": "fetched", "folders": fetched}) if parsed.json else "\n".join(fetched))
    return 0


def _fetched(server: Server, study: str, series: str, output: Path) -> Path:
    """Return the folder of a series, fetched unless it is there."""
    from medpaint.cli.progress import progress_bar

    folder = output / series
    if not folder.exists():
        with progress_bar() as progress:
            server.fetch(study, series, folder, progress)
    return folder


def _store(server: Server, parsed: argparse.Namespace) -> int:
    """Store the DICOM files among what was named."""
    from medpaint.cli.progress import progress_bar
    from medpaint.core.errors import InputError, UsageError

    if not parsed.files and not parsed.summary:
        message = "expected DICOM files, folders of them, or --summary"
        raise UsageError(message)
    places = [*parsed.files, *(_restored(parsed.summary) if parsed.summary else [])]
    files = [file for path in places for file in _dicom_below(path)]
    if not files and parsed.files:
        message = f"expected DICOM files to store, found none in {' '.join(map(str, places))}"
        raise InputError(message)
    count = 0
    if files:  # none where nothing of a cohort was restored
        with progress_bar() as progress:
            count = server.store(files, progress)
    print(json.dumps({"status": "stored", "instances": count}) if parsed.json else f"stored {count} instances")
    return 0


def _restored(summary: Path) -> list[Path]:
    """Return the folders of the scans that a cohort's summary lists as restored.

    Raises:
        UsageError: it is none.
    """
    from medpaint.core.errors import UsageError

    try:
        with summary.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        products = [row["restored"] for row in rows if row["status"] == "restored"]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        message = f"{summary}: expected the summary of a cohort"
        raise UsageError(message) from error
    return [(summary.parent / product).parent for product in products]


def _dicom_below(path: Path) -> list[Path]:
    """Return a DICOM file, or those below a folder."""
    from medpaint.io.sniff import files_below, kind_of_content

    files = list(files_below(path)) if path.is_dir() else [path]
    return [file for file in files if kind_of_content(file) == "dicom"]


def _table(path: Path) -> list[tuple[str, str]]:
    """Return studies and series of a table.

    Raises:
        UsageError: it cannot be read, or lacks a column.
    """
    from medpaint.core.errors import UsageError

    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return [(row["study"] or "", row["series"] or "") for row in rows]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "something else"
        message = f"{path}: expected a table with the columns study and series, got: {reason.lower()}"
        raise UsageError(message) from error
