"""Real scans as small as animals, and warnings about real and made damage."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, label

from medpaint.core.scale import at_human_scale
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import KINDS
from medpaint.engines.choice import choose
from medpaint.engines.doubts import unlike
from medpaint.engines.filling import fill
from medpaint.engines.surroundings import surroundings
from medpaint.parameters import FillParameters

pytestmark = pytest.mark.real

SCANS = {
    "brain": "t1w-brain-ds002748/train-1mm/sub-37_T1w.nii.gz",
    "head": "head-ds000011/sub-01/anat/sub-01_T1w.nii.gz",
    "thigh": "ct-mr-sts/STS_001/CT_image.nii.gz",
}


def scan(path: Path, divisor: float = 1.0) -> Volume:
    """Return a scan whose voxels are smaller than its header says."""
    image = nib.load(path)
    affine = image.affine.copy()  # type: ignore[attr-defined] # nibabel's base class
    affine[:3] /= divisor
    return Volume.of(np.asarray(image.dataobj), affine)  # type: ignore[attr-defined] # nibabel's base class


def error(volume: Volume, mask: Mask, truth: NDArray[np.floating], engine: str) -> float:
    scaled = at_human_scale(volume, mask).volume
    chosen = choose(FillParameters(engine=engine), mask, scaled.spacing_mm)
    return float(np.sqrt(np.mean((fill(scaled, mask, chosen.engine).values[0] - truth) ** 2)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("engine", ["auto", "nearest", "harmonic", "biharmonic", "exemplar", "unet3d", "unet2d"])
def test_a_scan_as_small_as_an_animal_is_filled_as_well(real_data: Path, name: str, engine: str) -> None:
    large, small = (scan(real_data / SCANS[name], divisor) for divisor in (1.0, 6.0))
    mask = KINDS["blob"](large, 3.0, 5).mask
    truth = large.intensities()[mask]
    assert error(small, mask, truth, engine) == pytest.approx(error(large, mask, truth, engine), rel=0.02)


@pytest.mark.parametrize("contrast", ["FLAIR", "T2"])
def test_a_lesion_mask_that_is_too_small_is_doubted(real_data: Path, contrast: str) -> None:
    volume = scan(next((real_data / "ms-patient26").glob(f"{contrast}_*")))
    lesions = scan(next((real_data / "lesion-masks" / "ms-mni").glob("patient26*"))).data > 0
    numbers, _ = label(lesions)
    largest = numbers == 1 + int(np.argmax(np.bincount(numbers.ravel())[1:]))
    assert "--dilate-mm" in " ".join(unlike(surroundings(volume, binary_erosion(largest))))
    assert unlike(surroundings(volume, binary_dilation(largest, iterations=2))) == ()


def test_a_lesion_mask_two_millimetres_too_small_is_doubted_in_t1w(real_data: Path) -> None:
    volume = scan(next((real_data / "ms-patient26").glob("T1_*")))
    lesions = scan(next((real_data / "lesion-masks" / "ms-mni").glob("patient26*"))).data > 0
    numbers, _ = label(lesions)
    largest = numbers == 1 + int(np.argmax(np.bincount(numbers.ravel())[1:]))
    assert "--dilate-mm" in " ".join(unlike(surroundings(volume, binary_erosion(largest, iterations=2))))
    assert unlike(surroundings(volume, binary_dilation(largest, iterations=2))) == ()


@pytest.mark.parametrize(
    ("tissue", "peak", "lobes", "words"),
    [((600.0, 2000.0), 1000.0, 6, "extreme"), ((20.0, 60.0), 150.0, 30, "times as rough")],
)
def test_a_metal_mask_with_streaks_is_doubted(
    real_data: Path, tissue: tuple[float, float], peak: float, lobes: int, words: str
) -> None:
    volume = scan(real_data / SCANS["thigh"])
    places = np.argwhere((volume.data > tissue[0]) & (volume.data < tissue[1]))
    i, j, k = (int(at) for at in places[len(places) // 2])
    x, y, z = (
        (np.arange(size) - at) * mm
        for size, at, mm in zip(volume.shape, (i, j, k), volume.spacing_mm, strict=True)
    )
    radius, angle = np.hypot(x[:, None], y), np.arctan2(y, x[:, None])
    streaks = (peak * np.cos(lobes * angle) * np.exp(-radius / 20.0))[:, :, None] * (np.abs(z) <= 6.0)
    metal = radius[:, :, None] ** 2 + z**2 <= 36.0
    damaged = Volume.of(np.asarray(volume.data + streaks, dtype=np.float32), volume.affine)
    warning = " ".join(unlike(surroundings(damaged, metal)))
    assert words in warning
    assert "streaks beside metal" in warning


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("ml", [1.0, 10.0, 40.0])
def test_holes_in_healthy_tissue_are_not_doubted(real_data: Path, name: str, ml: float) -> None:
    volume = scan(real_data / SCANS[name])
    assert unlike(surroundings(volume, KINDS["blob"](volume, ml, 0).mask)) == ()
