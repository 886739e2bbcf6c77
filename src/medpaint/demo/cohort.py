"""A small cohort from real scans that installed packages carry, damaged on purpose, so that it can be scored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.cohort.config import CohortConfig
from medpaint.core.errors import UsageError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import damage, lesion_blob, missing_slices
from medpaint.engines.registry import load_engine
from medpaint.engines.filling import fill
from medpaint.io.nifti import write_mask
from medpaint.io.reading import read_scan
from medpaint.io.source import Derivation
from medpaint.metrics import psnr
from medpaint.record.entries import Record
from medpaint.report.figures import before_and_after

__all__ = ["DEMO_SCANS", "DemoScan", "make_cohort"]

BRAIN: Final = ("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
EPI: Final = ("nibabel", "tests/data/example4d.nii.gz")
CT_SERIES: Final = ("pydicom", "data/test_files/dicomdirtests/98892001/CT5N")

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
