"""`medpaint export`: the third job of a cohort run, one for each scan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters, add_row, given_parameters, row_given
from medpaint.parameters import WriteParameters

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", type=Path, help="the scan")
    parser.add_argument("--filled", type=Path, required=True, help="its fill, from inpaint")
    parser.add_argument("--name", required=True, help="name of the products")
    parser.add_argument("--output", type=Path, required=True, help="folder of the products")
    add_row(parser)
    add_parameters(parser, WriteParameters.model_fields)


def execute(parsed: argparse.Namespace) -> int:
    """Write the products and the record; a scan that failed gets a record that says so."""
    from medpaint.cohort.jobs import export_scan

    row = row_given(parsed)
    image = Path(row.image) if row and row.image else parsed.image
    record = export_scan(image, parsed.filled, given_parameters(parsed), parsed.output, parsed.name, row=row)
    if record.reason:
        print_line(f"failed: {record.reason}", to_stderr=True)
    if parsed.json:
        print(json.dumps({"status": record.status, "reason": record.reason, "seconds": record.seconds}))
    return 0
