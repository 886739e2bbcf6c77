"""A small cohort from real scans that installed packages carry, damaged on purpose, so that it can be scored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.config import CohortConfig
from medpaint.core.errors import UsageError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import damage, lesion_blob, missing_slices
from medpaint.engines.registry import load_engine
from medpaint.filling import fill
from medpaint.io.nifti import write_mask
from medpaint.io.reading import read_scan
from medpaint.io.source import Derivation
from medpaint.metrics import psnr
from medpaint.provenance import Record
from medpaint.report.figures import before_and_after

__all__ = ["DEMO_SCANS", "DemoScan", "Score", "make_cohort", "score_cohort"]

BRAIN: Final = ("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
EPI: Final = ("nibabel", "tests/data/example4d.nii.gz")
CT_SERIES: Final = ("pydicom", "data/test_files/dicomdirtests/98892001/CT5N")
CLASSICAL: Final = ("biharmonic", "exemplar")
"""Engines without weights that the restored scans are held against."""

CT_HEAD: Final = ("pydicom", "data/test_files/J2K_pixelrep_mismatch.dcm")

Damage = Callable[[Volume], Mask]


@dataclass(frozen=True)
class DemoScan:
    """One scan of the demo.

    Attributes:
        name: its name in the cohort.
        what: scan and damage, in words.
        origin: the package that carries the scan, and where in it.
        damage: which voxels are damaged.
        with_mask: whether the workflow is given the mask or has to find it.
        frame: which frame of a 4D scan.
    """

    name: str
    what: str
    origin: tuple[str, str]
    damage: Damage
    with_mask: bool = True
    frame: int | None = None


@dataclass(frozen=True)
class Score:
    """How well one scan was restored.

    Attributes:
        scan: its name.
        what: scan and damage, in words.
        status: from the record.
        engine: what filled it.
        repaired_ml: how much was filled.
        psnr_db: peak signal to noise ratio inside the mask, against the truth; the peak is the truth's 99.5th
            percentile above its 0.5th.
        damaged_psnr_db: the same before the repair.
        smooth_psnr_db: the same for the fill of the engine `biharmonic`.
        exemplar_psnr_db: the same for that of `exemplar`.
        identical: whether every voxel outside the mask equals the truth.
    """

    scan: str
    what: str
    status: str
    engine: str
    repaired_ml: float
    psnr_db: float
    damaged_psnr_db: float
    smooth_psnr_db: float
    exemplar_psnr_db: float
    identical: bool


def _lesion(volume_ml: float, seed: int, centre: tuple[int, int, int] | None = None) -> Damage:
    """Return damage shaped like a lesion, in tissue."""

    def make(scan: Volume) -> Mask:
        intensities = scan.intensities()
        tissue = intensities > np.percentile(intensities, 60.0)
        return lesion_blob(tissue, scan.spacing_mm, volume_ml=volume_ml, seed=seed, centre=centre)

    return make


def _lost_slices(*gaps: tuple[int, int]) -> Damage:
    """Return damage of whole slices along K, as pairs of the first one and how many."""

    def make(scan: Volume) -> Mask:
        masks = [missing_slices(scan.shape, axis=2, count=count, first=first) for first, count in gaps]
        return np.asarray(np.logical_or.reduce(masks))

    return make


DEMO_SCANS: Final = (
    DemoScan(
        "brain-lesion",
        "T1w brain, a hole across the midline",
        BRAIN,
        _lesion(20.0, seed=7, centre=(102, 110, 100)),
    ),
    DemoScan(
        "brain-slices",
        "T1w brain, lost slices, found",
        BRAIN,
        _lost_slices((70, 1), (95, 2), (120, 3)),
        with_mask=False,
    ),
    DemoScan(
        "epi-slice", "4D EPI, a lost slice in a frame, found", EPI, _lost_slices((11, 1)), with_mask=False, frame=1
    ),
    DemoScan("ct-series", "CT series (DICOM), a hole", CT_SERIES, _lesion(0.02, seed=3)),
    DemoScan("ct-head", "CT head (DICOM, JPEG 2000), a hole", CT_HEAD, _lesion(2.0, seed=5, centre=(200, 270, 0))),
)


def make_cohort(folder: Path) -> None:
    """Write the damaged scans, their masks, and a configuration of the workflow into `folder`.

    Raises:
        UsageError: a package that carries the scans is not installed.
    """
    scans, config = folder / "scans", folder / "config"
    scans.mkdir(parents=True, exist_ok=True)
    config.mkdir(exist_ok=True)
    lines = ["scan\timage\tmask\tframe"]
    for demo in DEMO_SCANS:
        truth, source = read_scan(_packaged(*demo.origin), frame=demo.frame)
        mask = demo.damage(truth)
        image = scans / f"{demo.name}{source.suffix}"
        value = float(truth.data.min())
        source.write(
            damage(truth.data, mask, value), mask, image, Derivation("damaged on purpose for a demo", demo.name)
        )
        if demo.with_mask:
            write_mask(mask, truth.affine, scans / f"{demo.name}_mask.nii.gz")
        mask_path = f"scans/{demo.name}_mask.nii.gz" if demo.with_mask else ""
        frame = "" if demo.frame is None else str(demo.frame)
        lines.append(f"{demo.name}\tscans/{image.name}\t{mask_path}\t{frame}")
    _write_if_changed(config / "scans.tsv", "\n".join(lines) + "\n")
    _write_if_changed(config / "config.yaml", CohortConfig(batch_size=3).model_dump_json(indent=2) + "\n")


def score_cohort(folder: Path) -> list[Score]:
    """Score the restored scans in `folder` against the truth, and draw each into ``folder/pictures``."""
    pictures = folder / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    return [_score(demo, folder, pictures) for demo in DEMO_SCANS]


def _score(demo: DemoScan, folder: Path, pictures: Path) -> Score:
    """Score and draw one scan."""
    products = folder / "results" / "restored" / demo.name
    record = Record.model_validate_json((products / f"{demo.name}_record.json").read_text(encoding="utf-8"))
    if record.status == "failed":
        return Score(
            demo.name,
            demo.what,
            f"failed: {record.reason}",
            "",
            0.0,
            np.nan,
            np.nan,
            np.nan,
            np.nan,
            identical=False,
        )
    truth, source = read_scan(_packaged(*demo.origin), frame=demo.frame)
    damaged, _ = read_scan(folder / "scans" / f"{demo.name}{source.suffix}", frame=demo.frame)
    restored, _ = read_scan(products / record.products[0].path, frame=demo.frame)
    mask, _ = read_scan(products / record.products[1].path)
    applied = mask.data != 0
    before_and_after(damaged, restored, applied, pictures / f"{demo.name}.png", truth=truth, title=demo.what)
    real = truth.intensities()
    low, high = np.percentile(real, [0.5, 99.5])
    others = [_filled(damaged, applied, name) for name in CLASSICAL]
    before, after, smooth, exemplar = (
        psnr(real, intensities, applied, float(high - low))
        for intensities in (damaged.intensities(), restored.intensities(), *others)
    )
    return Score(
        scan=demo.name,
        what=demo.what,
        status=record.status,
        engine=record.engine.name if record.engine else "",
        repaired_ml=record.repaired.ml if record.repaired else 0.0,
        psnr_db=after,
        damaged_psnr_db=before,
        smooth_psnr_db=smooth,
        exemplar_psnr_db=exemplar,
        identical=bool(np.array_equal(restored.data[~applied], truth.data[~applied])),
    )


def _filled(damaged: Volume, mask: Mask, engine: str) -> FloatArray:
    """Return the intensities of a scan, (I, J, K), with its mask filled by a classical engine."""
    intensities = damaged.intensities()
    intensities[mask], _ = fill(damaged, mask, load_engine(engine))
    return intensities


def _packaged(package: str, path: str) -> Path:
    """Return a file that an installed package carries."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        message = f"the demo's scans come with {package}, which is not installed: pip install 'medpaint[demo]'"
        raise UsageError(message)
    return Path(spec.origin).parent / path


def _write_if_changed(path: Path, text: str) -> None:
    """Write a file, unless it says so already, so that a rerun finds nothing changed."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
