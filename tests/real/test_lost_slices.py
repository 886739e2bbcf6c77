"""Lost slices of real CT beside padding, against the mean of the two neighbours."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medpaint
from medpaint.core.types import Affine, FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import lesion_blob
from medpaint.corrupt.tissue import tissue_of
from medpaint.engines.choice import choose
from medpaint.engines.filling import Filling, fill
from medpaint.engines.registry import load_engine
from medpaint.engines.showing import void_of
from medpaint.io.reading import read_scan
from medpaint.parameters import FillParameters

pytestmark = pytest.mark.real

BODY_HU = -500.0

SCANS = {
    "MR 034": "mr-t1-sts/STS_034/MR_T1_image.nii.gz",
    "MR 038": "mr-t1-sts/STS_038/MR_T1_image.nii.gz",
    "MR 039": "mr-t1-sts/STS_039/MR_T1_image.nii.gz",
    "CT 032": "ct-mr-sts/STS_032/CT_image.nii.gz",
    "CT 035": "ct-mr-sts/STS_035/CT_image.nii.gz",
}
"""Thick slices in which the network alone is not always better than the mean of the neighbours."""


def abdomen(folder: Path) -> tuple[FloatArray, Affine]:
    """Return the middle slices of a CT, 5 mm, with padding around its field of view."""
    scan, _ = read_scan(folder / "dicom" / "ct-liver-crlm-1004")
    values = scan.intensities()
    values[values <= -1900.0] = np.nan
    return values[:, :, 12:30], scan.affine


def limb(folder: Path) -> tuple[FloatArray, Affine]:
    """Return a CT with slices of 3.3 mm, with padding that cuts through the body."""
    scan = nib.load(folder / "ct-mr-sts" / "STS_003" / "CT_image.nii.gz")
    values = np.asarray(scan.dataobj).astype(np.float32)  # type: ignore[attr-defined] # nibabel's base class
    values[: values.shape[0] // 3] = np.nan
    return values, scan.affine  # type: ignore[attr-defined] # nibabel's base class


@pytest.fixture(scope="module", params=["thin", "thick"])
def ct(request: pytest.FixtureRequest, real_data: Path) -> tuple[FloatArray, Affine]:
    return limb(real_data) if request.param == "thin" else abdomen(real_data)


def lost(values: FloatArray) -> Mask:
    """Return the mask of the middle slice, less its padding."""
    mask = np.zeros(values.shape, dtype=bool)
    mask[:, :, values.shape[2] // 2] = True
    return mask & np.isfinite(values)


def filled(values: FloatArray, affine: Affine, mask: Mask) -> Filling:
    """Return the network's fill of a scan that has nothing in its mask."""
    damaged = np.where(mask, np.float32(0.0), values)
    return fill(Volume.of(damaged, affine), mask, load_engine("resnet2d"))


def test_network_beats_the_mean_of_the_neighbours_beside_padding(ct: tuple[FloatArray, Affine]) -> None:
    values, affine = ct
    mask, middle = lost(values), values.shape[2] // 2
    mean, restored = np.zeros_like(values), values.copy()
    mean[:, :, middle] = (values[:, :, middle - 1] + values[:, :, middle + 1]) / 2.0
    done = filled(values, affine, mask)
    restored[mask] = done.values[0]
    assert set(done.filled_by) <= {"resnet2d", "biharmonic"}  # the latter outside the body
    assert done.filled_by["resnet2d"] > 0.5 * np.count_nonzero(mask)
    body = mask & (values > BODY_HU) & np.isfinite(mean)
    ours, theirs = ((one - values)[body] for one in (restored, mean))
    assert np.abs(ours).mean() < np.abs(theirs).mean()
    assert np.square(ours).mean() < 0.9 * np.square(theirs).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MR 034", "MR 038", "MR 039", "CT 032", "CT 035"])
def test_auto_is_no_worse_than_straight_lines_and_knows_its_error(real_data: Path, name: str) -> None:
    scan, _ = read_scan(real_data / SCANS[name])
    values = scan.intensities()
    errors: dict[str, list[float]] = {"auto": [], "linear": [], "expected": []}
    for place in (0.35, 0.5, 0.65):
        mask = np.zeros(values.shape, dtype=bool)
        mask[:, :, round(place * values.shape[2])] = True
        tissue = tissue_of(scan)[mask]
        damaged = Volume.of(np.where(mask, np.nanmin(values), values), scan.affine)
        chosen = choose(FillParameters(), mask, scan.spacing_mm, void=void_of(damaged, mask), volume=damaged)
        assert chosen.validation is not None
        errors["expected"].append(chosen.validation.expected_error)
        for one, engine in (("auto", chosen.engine), ("linear", load_engine("linear"))):
            missed = (fill(damaged, mask, engine).values[0] - values[mask])[tissue]
            errors[one].append(float(np.sqrt(np.square(missed, dtype=np.float64).mean())))
    ours, theirs, expected = (float(np.mean(found)) for found in errors.values())
    assert ours <= 1.02 * theirs
    assert ours / 2.0 < expected < 2.0 * ours


def test_a_fill_that_may_be_worse_than_the_mean_is_doubted(real_data: Path) -> None:
    values, _ = limb(real_data)
    small = np.ascontiguousarray(values[60:110, 60:110, 20:40])
    record = medpaint.restore(small, lost(small), engine="biharmonic").record
    assert "worse than the mean of the neighbouring slices" in record.warnings[-1]


@pytest.mark.slow
def test_a_hole_across_lost_slices_leaves_both_closer_than_one_engine_for_all(real_data: Path) -> None:
    scan, _ = read_scan(real_data / "t1w-brain-ds002748" / "train-1mm" / "sub-64_T1w.nii.gz")
    values, tissue = scan.intensities()[:, :, 50:110], tissue_of(scan)[:, :, 50:110]
    slices = np.zeros(values.shape, dtype=bool)
    slices[:, :, 30:33] = True
    hole = lesion_blob(tissue, scan.spacing_mm, volume_ml=8.0, seed=1, centre=_inside(tissue, 34))
    mask = slices | hole
    damaged = np.where(mask, np.float32(0.0), values).astype(np.float32)
    both, whole = (medpaint.restore(damaged, mask, engine=engine) for engine in ("auto", "unet3d"))
    assert both.record.inpaint is not None
    assert [part.validation is not None for part in both.record.inpaint.parts] == [True, True]
    for part, least in ((slices, 0.9), (hole & ~slices, 1.1)):
        ours, theirs = (
            float(np.square(done.volume.data - values, dtype=np.float64)[part & tissue].mean() ** 0.5)
            for done in (both, whole)
        )
        assert ours < least * theirs


def _inside(tissue: Mask, number: int) -> tuple[int, int, int]:
    """Return a voxel of the tissue in a slice."""
    i, j = np.argwhere(tissue[:, :, number])[np.count_nonzero(tissue[:, :, number]) // 3]
    return int(i), int(j), number


@pytest.mark.parametrize("period", [2, 3])
def test_auto_is_no_worse_than_straight_lines_where_many_slices_are_lost(real_data: Path, period: int) -> None:
    scan, _ = read_scan(real_data / SCANS["MR 034"])
    values, tissue = scan.intensities()[:, :, 10:40], tissue_of(scan)[:, :, 10:40]
    mask = np.zeros(values.shape, dtype=bool)
    mask[:, :, 2:-3:period] = True
    damaged = Volume.of(np.where(mask, np.float32(0.0), values).astype(np.float32), scan.affine)
    chosen = choose(FillParameters(), mask, scan.spacing_mm, volume=damaged)
    ours, theirs = (
        float(np.square(fill(damaged, mask, engine).values[0] - values[mask])[tissue[mask]].mean() ** 0.5)
        for engine in (chosen.engine, load_engine("linear"))
    )
    assert ours <= 1.05 * theirs
