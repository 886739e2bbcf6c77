"""`medpaint restore`: one scan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from medpaint.cli.options import add_parameters, given_parameters
from medpaint.cli.progress import progress_bar
from medpaint.parameters import Parameters

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "scan", type=Path, help="NIfTI, NRRD or MetaImage file, or the folder or archive of a DICOM series"
    )
    mask = parser.add_mutually_exclusive_group(required=True)
    mask.add_argument("--mask", type=Path, help="the mask, in any of these formats; white = repair, black = keep")
    mask.add_argument("--detect", action="store_true", help="find missing slices and non-finite voxels instead")
    parser.add_argument(
        "--output", type=Path, default=Path("restored"), help="folder of the products (default: restored)"
    )
    parser.add_argument("--name", help="what the products are called (default: the scan's name)")
    parser.add_argument("--overwrite", action="store_true", help="replace products that are there")
    add_parameters(parser, Parameters.model_fields)


def execute(parsed: argparse.Namespace) -> int:
    """Restore the scan and say where it is."""
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
    record, products = restoration.record, restoration.products
    roles = {product.role for product in record.products}
    told: dict[str, Any] = {
        "status": record.status,
        "restored": str(products.restored) if products else "",
        "mask": str(products.mask) if products else "",
        "dicom_mask": str(products.segmentation) if products and "segmentation" in roles else "",
        "record": str(products.record) if products else "",
        "engine": record.engine.name if record.engine else "",
        "why": record.engine.reason if record.engine else "",
        "repaired_ml": record.repaired.ml if record.repaired else 0.0,
        "repaired_fraction": record.repaired.fraction if record.repaired else 0.0,
        "seconds": record.seconds,
        "warnings": list(record.warnings),
    }
    if parsed.json:
        print(json.dumps(told))
    else:
        _print(told)
    return 0


def _print(told: dict[str, Any]) -> None:
    """Say it to a person."""
    by = f" by {told['engine']}" if told["engine"] else ""
    print(f"{told['status']}: {told['repaired_ml']:.3f} ml{by} in {told['seconds']:.1f} s")
    if told["why"]:
        print(f"  {'why':<9} {told['why']}")
    for name in ("restored", "mask", "record"):
        print(f"  {name:<9} {told[name]}")
        if name == "mask" and told["dicom_mask"]:
            print(f"  {'':<9} {told['dicom_mask']}")
    for warning in told["warnings"]:
        print(f"  warning   {warning}")
