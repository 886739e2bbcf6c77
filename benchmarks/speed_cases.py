"""The restorations that benchmarks/speed.py times, and the files that they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

from medpaint.core.types import Affine, Array, Mask
from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.io.reading import read_scan

__all__ = ["CASES", "QUICK", "SERIES", "SMALL", "Case", "write_inputs"]

BRAIN: Final = "t1w-brain-ds002748/train-1mm/sub-37_T1w.nii.gz"
FINE_BRAIN: Final = "t1w-brain-ds002748/original/sub-51/anat/sub-51_T1w.nii.gz"
CT: Final = "dicom/ct-liver-crlm-1004/image"

LARGE: Final = (512, 512, 400)
"""Shape of the large CT: the real one, mirrored along K again and again."""


@dataclass(frozen=True)
class Case:
    """One restoration.

    Attributes:
        scan: title of the scan.
        hole: title of the hole.
        engine: what fills it.
        file: the scan's file.
        mask: the mask's file.
    """

    scan: str
    hole: str
    engine: str
    file: str
    mask: str

    @property
    def name(self) -> str:
        """What the case is called on the command line and in folders, of which it has one to itself."""
        compressed = self.file.endswith(".gz")
        return f"{self.mask.partition('.')[0]}-{self.engine}" + ("" if compressed else "-uncompressed")


def _cases(scan: str, file: str, holes: dict[str, str], *engines: str) -> tuple[Case, ...]:
    """Return the cases of one scan."""
    return tuple(Case(scan, hole, engine, file, mask) for hole, mask in holes.items() for engine in engines)


SMALL: Final = _cases(
    "brain, 48 x 48 x 48", "corner.nii.gz", {"0.5 ml": "corner-small.nii.gz"}, "auto", "biharmonic"
)
"""Little to do: what a process costs before it works on a scan."""

CASES: Final = (
    *SMALL,
    *_cases(
        "T1w brain, 1 mm",
        "brain.nii.gz",
        {"2 ml": "brain-2ml.nii.gz", "15 ml": "brain-15ml.nii.gz"},
        "auto",
        "exemplar",
    ),
    *_cases(
        "T1w brain, 288 x 288 x 181",
        "fine.nii.gz",
        {
            "six, 1.2 ml each": "fine-six.nii.gz",
            "12 ml": "fine-12ml.nii.gz",
            "three gaps of three slices": "fine-gaps.nii.gz",
        },
        "auto",
        "exemplar",
    ),
    Case("CT, 512 x 512 x 41, 5 mm", "three lost slices", "auto", "thick.nii.gz", "thick-gap.nii.gz"),
    *_cases("CT, 512 x 512 x 400, .nii.gz", "large.nii.gz", {"1 ml": "large-1ml.nii.gz"}, "auto", "biharmonic"),
    Case("CT, 512 x 512 x 400, .nii", "1 ml", "auto", "large.nii", "large-1ml.nii.gz"),
)
"""All restorations of a process each."""

SERIES: Final = tuple(
    case
    for case in CASES
    if case.engine == "auto" and case.mask in {"brain-2ml.nii.gz", "brain-15ml.nii.gz", "fine-gaps.nii.gz"}
)
"""Those that are timed again within a process that has done one."""

QUICK: Final = (*SMALL, SERIES[0])
"""Enough to see that the measurement works."""


def write_inputs(data: Path, folder: Path, cases: tuple[Case, ...]) -> None:
    """Write the files that cases need.

    Args:
        data: the test data.
        folder: where to write.
        cases: which restorations.
    """
    wanted = {case.file.partition(".")[0] for case in cases}
    if wanted & {"brain", "corner"}:
        _write_brain(data, folder)
    if "fine" in wanted:
        _write_fine_brain(data, folder)
    if "thick" in wanted:
        _write_thick_ct(data, folder)
    if "large" in wanted:
        _write_large_ct(data, folder)


def _write_brain(data: Path, folder: Path) -> None:
    """Write the brain at 1 mm, a corner of it, and their masks."""
    volume, _ = read_scan(data / BRAIN)
    tissue = volume.data > np.percentile(volume.data, 60.0)
    _save(volume.data, volume.affine, folder / "brain.nii.gz")
    for size in (2, 15):
        hole = lesion_blob(tissue, volume.spacing_mm, volume_ml=float(size), seed=1)
        _save(hole, volume.affine, folder / f"brain-{size}ml.nii.gz")
    middle = tuple(slice(length // 2 - 24, length // 2 + 24) for length in volume.shape)
    hole = lesion_blob(tissue[middle], volume.spacing_mm, volume_ml=0.5, seed=1)
    _save(volume.data[middle], volume.affine, folder / "corner.nii.gz")
    _save(hole, volume.affine, folder / "corner-small.nii.gz")


def _write_fine_brain(data: Path, folder: Path) -> None:
    """Write the brain at 0.87 mm and its masks."""
    volume, _ = read_scan(data / FINE_BRAIN)
    tissue = volume.data > np.percentile(volume.data[volume.data > 0.0], 30.0)
    six = np.zeros(volume.shape, dtype=bool)
    for seed in range(1, 7):
        six |= lesion_blob(tissue & ~six, volume.spacing_mm, volume_ml=1.2, seed=seed)
    gaps = np.zeros(volume.shape, dtype=bool)
    for share in (0.4, 0.5, 0.6):
        gaps |= missing_slices(volume.shape, axis=2, count=3, first=int(share * volume.shape[2]))
    _save(volume.data, volume.affine, folder / "fine.nii.gz")
    _save(six, volume.affine, folder / "fine-six.nii.gz")
    _save(gaps, volume.affine, folder / "fine-gaps.nii.gz")
    hole = lesion_blob(tissue, volume.spacing_mm, volume_ml=12.0, seed=1)
    _save(hole, volume.affine, folder / "fine-12ml.nii.gz")


def _ct(data: Path) -> tuple[Array, Affine]:
    """Return the CT in Hounsfield units, int16, (I, J, K), with air in place of padding."""
    volume, _ = read_scan(data / CT)
    values = np.rint(np.nan_to_num(volume.intensities(), nan=-1024.0)).astype(np.int16)
    return values, volume.affine


def _write_thick_ct(data: Path, folder: Path) -> None:
    """Write the CT as acquired, and three slices in its middle as a mask."""
    values, affine = _ct(data)
    i, j, k = values.shape
    _save(values, affine, folder / "thick.nii.gz")
    _save(missing_slices((i, j, k), axis=2, count=3, first=k // 2), affine, folder / "thick-gap.nii.gz")


def _write_large_ct(data: Path, folder: Path) -> None:
    """Write the CT, repeated to a large one of 0.8 x 0.8 x 1 mm, compressed and not."""
    values, _ = _ct(data)
    both = np.concatenate([values, values[:, :, ::-1]], axis=2)
    whole = np.tile(both, (1, 1, -(-LARGE[2] // both.shape[2])))[:, :, : LARGE[2]]
    affine = np.diag([0.8, 0.8, 1.0, 1.0])
    mask = np.zeros(LARGE, dtype=bool)
    soft = np.abs(whole[:, :, 180:220].astype(np.int32) - 60) < 100
    mask[:, :, 180:220] = lesion_blob(soft, (0.8, 0.8, 1.0), volume_ml=1.0, seed=1)
    for name in ("large.nii", "large.nii.gz"):
        _save(whole, affine, folder / name)
    _save(mask, affine, folder / "large-1ml.nii.gz")


def _save(values: Array | Mask, affine: Affine, path: Path) -> None:
    """Write a volume, (I, J, K), as NIfTI."""
    stored = values.astype(np.uint8) if values.dtype == np.bool_ else values
    nib.Nifti1Image(stored, affine).to_filename(path)  # type: ignore[no-untyped-call]
