"""The demo's products, scored against the undamaged scans."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.demo.cohort import damaged_path
from medpaint.demo.scans import DEMO_SCANS, DemoScan
from medpaint.engines.choice import choose
from medpaint.engines.filling import fill
from medpaint.io.reading import read_scan, read_selected
from medpaint.metrics import psnr
from medpaint.parameters import FillParameters
from medpaint.record.entries import Record
from medpaint.record.file import RECORD_SUFFIX, read_record
from medpaint.report.figures import before_and_after

__all__ = ["Score", "score_cohort"]

PERCENTILES: Final = (0.5, 99.5)
"""Intensities of the truth between which the range of the PSNR lies."""


@dataclass(frozen=True)
class Score:
    """How well one scan was restored. All PSNR are in dB, inside the mask, against the truth.

    Attributes:
        scan: its name.
        what: scan and damage, in words.
        status: from the record.
        engine: what filled it.
        repaired_ml: how much was filled.
        psnr_db: PSNR of the restored scan.
        damaged_psnr_db: PSNR before the repair.
        smooth_psnr_db: PSNR of the fill of `biharmonic`.
        exemplar_psnr_db: PSNR of the fill of `exemplar`.
        identical: whether every voxel outside the mask equals the truth.
    """

    scan: str
    what: str
    status: str
    engine: str = ""
    repaired_ml: float = 0.0
    psnr_db: float = nan
    damaged_psnr_db: float = nan
    smooth_psnr_db: float = nan
    exemplar_psnr_db: float = nan
    identical: bool = False


def score_cohort(folder: Path, scans: Sequence[DemoScan] = DEMO_SCANS) -> list[Score]:
    """Score the restored scans against the truth, and draw each into ``pictures``.

    Args:
        folder: of the cohort, after the workflow has run.
        scans: what the cohort consists of.
    """
    pictures = folder / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    return [_score(scan, folder, pictures / f"{scan.name}.png") for scan in scans]


def _score(scan: DemoScan, folder: Path, picture: Path) -> Score:
    """Score and draw one scan."""
    products = folder / "results" / "restored" / scan.name
    record = read_record(products / f"{scan.name}{RECORD_SUFFIX}")
    if record.status == "failed":
        return Score(scan.name, scan.what, f"failed: {record.reason}")
    truth, source = scan.truth()
    damaged, _ = read_scan(damaged_path(scan, source.suffix, folder), frame=scan.frame)
    restored, mask = _products(record, products)
    before_and_after(damaged, restored, mask, picture, truth=truth, title=scan.what)
    real = truth.intensities()
    low, high = np.percentile(real, PERCENTILES)
    after, before, smooth, exemplar = (
        psnr(real, intensities, mask, float(high - low))
        for intensities in (
            restored.intensities(),
            damaged.intensities(),
            _filled(damaged, mask, "biharmonic"),
            _filled(damaged, mask, "exemplar"),
        )
    )
    return Score(
        scan=scan.name,
        what=scan.what,
        status=record.status,
        engine=", ".join(record.inpaint.engines) if record.inpaint else "",
        repaired_ml=record.repaired.ml if record.repaired else 0.0,
        psnr_db=after,
        damaged_psnr_db=before,
        smooth_psnr_db=smooth,
        exemplar_psnr_db=exemplar,
        identical=bool(np.array_equal(restored.data[~mask], truth.data[~mask])),
    )


def _products(record: Record, folder: Path) -> tuple[Volume, Mask]:
    """Return the restored scan, and the mask that was applied, (I, J, K)."""
    paths = {product.role: folder / product.path for product in record.products}
    restored, _ = read_selected(paths["restored"], record.parameters.read.in_product())
    mask, _ = read_scan(paths["mask"])
    return restored, mask.data != 0


def _filled(damaged: Volume, mask: Mask, engine: str) -> FloatArray:
    """Return the intensities of a scan, (I, J, K), with its mask filled by an engine."""
    chosen = choose(FillParameters(engine=engine), mask, damaged.spacing_mm)
    intensities = damaged.intensities()
    intensities[mask] = fill(damaged, mask, chosen.engine).values[0]
    return intensities
