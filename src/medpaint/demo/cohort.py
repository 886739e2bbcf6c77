"""The demo's cohort: damaged scans, masks, and a configuration of the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medpaint.cohort.config import CohortConfig
from medpaint.corrupt import voided
from medpaint.demo.scans import DEMO_SCANS, DemoScan
from medpaint.io.nifti import write_mask
from medpaint.io.source import Derivation

__all__ = ["damaged_path", "make_cohort"]


def make_cohort(folder: Path, scans: Sequence[DemoScan] = DEMO_SCANS) -> None:
    """Write the damaged scans, their masks, and a configuration of the workflow.

    Args:
        folder: created if missing.
        scans: what the cohort consists of.

    Raises:
        UsageError: a package with the scans is not installed.
    """
    (folder / "scans").mkdir(parents=True, exist_ok=True)
    (folder / "config").mkdir(exist_ok=True)
    lines = ["scan\timage\tmask\tframe", *(_written(scan, folder) for scan in scans)]
    _write_if_changed(folder / "config" / "scans.tsv", "\n".join(lines) + "\n")
    config = CohortConfig(batch_size=3).model_dump_json(indent=2)
    _write_if_changed(folder / "config" / "config.yaml", config + "\n")


def damaged_path(scan: DemoScan, suffix: str, folder: Path) -> Path:
    """Return the path of the damaged scan in the folder of the cohort; `suffix` is that of its source."""
    return folder / "scans" / f"{scan.name}{suffix}"


def _written(scan: DemoScan, folder: Path) -> str:
    """Write the damaged scan, and its mask if the workflow is given it; return its line in the table."""
    truth, source = scan.truth()
    mask = scan.make_hole(truth)
    image = damaged_path(scan, source.suffix, folder)
    damaged = voided(truth.data, mask, float(truth.data.min()))
    source.write(damaged, mask, image, Derivation("damaged on purpose for a demo", scan.name))
    mask_path = f"scans/{scan.name}_mask.nii.gz" if scan.with_mask else ""
    if mask_path:
        write_mask(mask, truth.affine, folder / mask_path)
    frame = "" if scan.frame is None else str(scan.frame)
    return f"{scan.name}\tscans/{image.name}\t{mask_path}\t{frame}"


def _write_if_changed(path: Path, text: str) -> None:
    """Write a file unless it already contains the text, so that a rerun finds nothing changed."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
