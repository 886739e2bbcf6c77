"""`medpaint restore`: one scan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medpaint.cli.lines import print_line
from medpaint.cli.options import add_parameters, given_parameters
from medpaint.cli.progress import progress_bar
from medpaint.cli.threads import add_threads
from medpaint.parameters import FIELDS

if TYPE_CHECKING:
    from medpaint.pipeline.case import Restoration

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "scan", type=Path, help="NIfTI, NRRD or MetaImage file, or the folder or archive of a DICOM series"
    )
    mask = parser.add_mutually_exclusive_group(required=True)
    mask.add_argument("--mask", type=Path, help="the mask, in any of these formats; white = repair, black = keep")
    mask.add_argument("--detect", action="store_true", help="find damage instead, and fill what --repair names")
    parser.add_argument(
        "--output", type=Path, default=Path("restored"), help="folder of the products (default: restored)"
    )
    parser.add_argument("--name", help="name of the products (default: the scan's name)")
    parser.add_argument("--overwrite", action="store_true", help="replace existing products")
    add_threads(parser)
    add_parameters(parser, FIELDS)


def execute(parsed: argparse.Namespace) -> int:
    """Restore the scan and print where it is."""
    from medpaint.pipeline.restore import restore

    with progress_bar() as progress:
        restoration = restore(
            parsed.scan,
            None if parsed.detect else parsed.mask,
            output=parsed.output,
            name=parsed.name,
            overwrite=parsed.overwrite,
            progress=progress,
            **given_parameters(parsed),
        )
    outcome = _outcome(restoration)
    if parsed.json:
        print(json.dumps(outcome))
    else:
        _print(outcome)
    return 0


def _outcome(restoration: Restoration) -> dict[str, Any]:
    """Return what is printed about a restoration."""
    record, products = restoration.record, restoration.products
    roles = {product.role for product in record.products}
    inpaint, repaired = record.inpaint, record.repaired
    return {
        "status": record.status,
        "restored": str(products.restored) if products else "",
        "mask": str(products.mask) if products else "",
        "dicom_mask": str(products.segmentation) if products and "segmentation" in roles else "",
        "record": str(products.record) if products else "",
        "engine": ", ".join(inpaint.engines) if inpaint else "",
        "why": inpaint.why if inpaint else "",
        "filled_by": inpaint.filled_by if inpaint else {},
        "repaired_ml": repaired.ml if repaired else 0.0,
        "repaired_fraction": repaired.fraction if repaired else 0.0,
        "seconds": record.seconds,
        "warnings": list(record.warnings),
    }


def _filler(outcome: dict[str, Any]) -> str:
    """Return the engine, or what filled most of the mask if the engine had no part in it."""
    from medpaint.engines.mixture import single_fillers

    engine, filled_by = outcome["engine"], outcome["filled_by"]
    took_part = not filled_by or set(engine.split(", ")) & set(single_fillers(filled_by))
    return str(engine if took_part else next(iter(filled_by)))


def _print(outcome: dict[str, Any]) -> None:
    """Print the outcome for people."""
    from medpaint.cohort.summary import shares

    by = f" by {_filler(outcome)}" if outcome["engine"] else ""
    print_line(f"{outcome['status']}: {outcome['repaired_ml']:.3f} ml{by} in {outcome['seconds']:.1f} s")
    if outcome["why"]:
        print_line(f"  {'why':<9} {outcome['why']}")
    if set(outcome["filled_by"]) - {outcome["engine"]}:
        print_line(f"  {'filled by':<9} {shares(outcome['filled_by'])}")
    for name in ("restored", "mask", "record"):
        print_line(f"  {name:<9} {outcome[name]}")
        if name == "mask" and outcome["dicom_mask"]:
            print_line(f"  {'':<9} {outcome['dicom_mask']}")
    for warning in outcome["warnings"]:
        print_line(f"  warning   {warning}")
