"""`medpaint export-bundle`: a network of medpaint as a MONAI bundle."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.cli.lines import print_line
from medpaint.core.errors import InputError

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from medpaint.engines.learned.networks.names import NETWORKS

    parser.add_argument("network", choices=tuple(NETWORKS), help="which network")
    parser.add_argument("folder", type=Path, help="folder of the bundle; it must not exist yet")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights of your own training (default: the shipped ones)"
    )


def execute(parsed: argparse.Namespace) -> int:
    """Write the bundle and print where it is."""
    from medpaint.engines.learned.foreign.bundle import DESCRIPTION, bundle_of
    from medpaint.io.atomic import replacing_folder

    folder: Path = parsed.folder
    if folder.exists():
        message = f"{folder}: expected a folder that does not exist yet; name another, or delete it"
        raise InputError(message)
    files = bundle_of(parsed.network, parsed.weights)
    with replacing_folder(folder) as part:
        for name, content in files.items():
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(content)
    outcome = {"status": "exported", "bundle": str(folder), "description": str(folder / DESCRIPTION)}
    if parsed.json:
        print(json.dumps(outcome))
        return 0
    print_line(f"bundle       {outcome['bundle']}")
    print_line(f"description  {outcome['description']}")
    return 0
