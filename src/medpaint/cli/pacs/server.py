"""The server of a `medpaint pacs` command: its address, and how to connect to it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medpaint.pacs import Credentials, Server

__all__ = ["add_server", "server_of"]


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the address of the server, and the options that every command takes for its connection."""
    parser.add_argument(
        "url",
        metavar="URL",
        help="a DICOMweb service, such as https://pacs.example/dicom-web; or dicom://TITLE@HOST:PORT, with "
        "dicoms:// for TLS",
    )
    options = parser.add_argument_group("connection")
    options.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="file with user:password or token:..., readable only by its owner (default: MEDPAINT_PACS_USER and "
        "MEDPAINT_PACS_PASSWORD, or MEDPAINT_PACS_TOKEN, from the environment)",
    )
    options.add_argument(
        "--authority", type=Path, metavar="PEM", help="certificates to trust in addition to the system's"
    )
    options.add_argument(
        "--calling",
        default="MEDPAINT",
        metavar="TITLE",
        help="our application entity title, for dicom:// (default: MEDPAINT)",
    )
    options.add_argument(
        "--receive",
        type=int,
        metavar="PORT",
        help="for dicom://, when fetching: have series sent to this local port (C-MOVE) instead of over the same "
        "association (C-GET)",
    )
    options.add_argument(
        "--senders",
        action="append",
        default=[],
        metavar="HOST",
        help="with --receive: a host, an IPv4 address or a network such as 172.17.0.0/16 that the server may send "
        "from, besides its own addresses; may be repeated",
    )
    options.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds to wait for an answer (default: 30)"
    )


def server_of(parsed: argparse.Namespace) -> Server:
    """Return the server that the arguments name; nothing is sent yet."""
    from medpaint.pacs import connect

    return connect(
        parsed.url,
        credentials=_credentials(parsed),
        authority=parsed.authority,
        timeout_s=parsed.timeout,
        calling=parsed.calling,
        receive=parsed.receive,
        senders=parsed.senders,
    )


def _credentials(parsed: argparse.Namespace) -> Credentials:
    """Return the credentials, from the named file or from the environment."""
    from medpaint.pacs import Credentials, read_credentials

    if parsed.credentials is not None:
        return read_credentials(parsed.credentials)
    user, password, token = (os.environ.get(f"MEDPAINT_PACS_{name}", "") for name in ("USER", "PASSWORD", "TOKEN"))
    return Credentials(user, password, token)
