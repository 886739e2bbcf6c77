"""The BraTS scores against the organisers' own package, which runs in a separate environment.

The package is AGPL: nothing of this project imports it. MEDPAINT_BRATS_ENV may name a folder that keeps the
environment between runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

from medpaint.core.types import Array, FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.engines.filling import fill
from medpaint.engines.registry import load_engine
from medpaint.io.reading import read_scan
from medpaint.metrics import brats_limits, brats_scores
from medpaint.phantoms import head

pytestmark = pytest.mark.slow

REQUIREMENTS = ("torch==2.13.0", "inpainting==0.0.12")
TOLERANCE = 1e-5

RUN = """
import json, pathlib, sys
import numpy, torch
from inpainting.challenge_metrics_2023 import generate_metrics
folder = pathlib.Path(sys.argv[1])
read = lambda name: torch.tensor(numpy.load(folder / f"{name}.npy")).unsqueeze(0)
print(json.dumps(generate_metrics(read("image"), read("truth"), read("voided"), read("mask"))))
"""


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the official package."""
    kept = os.environ.get("MEDPAINT_BRATS_ENV")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("brats") / "env"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"the official package cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        (folder / "complete").touch()
    return python


def official_scores(python: Path, folder: Path, **arrays: Array) -> dict[str, float]:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    command = [str(python), "-W", "ignore", "-c", RUN, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    scores: dict[str, float] = json.loads(done.stdout)
    return scores


def assert_agreement(python: Path, folder: Path, truth: FloatArray, image: FloatArray, mask: Mask) -> None:
    voided = np.where(mask, 0.0, truth).astype(np.float32)
    ours = brats_scores(truth, image, mask, brats_limits(voided))
    theirs = official_scores(python, folder, truth=truth, image=image, voided=voided, mask=mask)
    assert ours.ssim == pytest.approx(theirs["ssim"], abs=TOLERANCE)
    assert ours.mse == pytest.approx(theirs["mse"], abs=TOLERANCE)
    assert ours.mae == pytest.approx(theirs["mae"], abs=TOLERANCE)
    assert ours.psnr == pytest.approx(theirs["psnr_01_eps"], abs=TOLERANCE)
    assert ours.psnr_of_truth == pytest.approx(theirs["psnr"], abs=TOLERANCE)


def filled(truth: FloatArray, mask: Mask, engine: str) -> FloatArray:
    image = truth.copy()
    image[mask] = fill(Volume.of(truth), mask, load_engine(engine)).values[0]
    return image


@pytest.mark.parametrize("engine", ["nearest", "harmonic"])
@pytest.mark.parametrize("gain", [1.0, 1.4])
def test_scores_of_a_phantom_agree(official: Path, tmp_path: Path, engine: str, gain: float) -> None:
    truth = (1000.0 * head((48, 56, 40))).astype(np.float32)
    mask = lesion_blob(truth > 0, (1.0, 1.0, 1.0), volume_ml=6.0, seed=2)
    image = filled(truth, mask, engine)
    image[mask] *= np.float32(gain)
    assert_agreement(official, tmp_path, truth, image, mask)


def test_scores_at_the_border_agree(official: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random((12, 20, 24)) * 300.0 + 50.0).astype(np.float32)
    mask = missing_slices((12, 20, 24), axis=1, count=3, first=0)
    image = np.where(mask, truth + rng.normal(0.0, 40.0, truth.shape), truth).astype(np.float32)
    assert_agreement(official, tmp_path, truth, image, mask)


@pytest.mark.real
@pytest.mark.parametrize("volume_ml", [2.0, 30.0])
def test_scores_of_a_brain_agree(official: Path, real_data: Path, tmp_path: Path, volume_ml: float) -> None:
    volume, _ = read_scan(real_data / "t1w-brain-ds002748" / "train-1mm" / "sub-37_T1w.nii.gz")
    truth = volume.intensities().astype(np.float32)
    mask = lesion_blob(truth > 0, volume.spacing_mm, volume_ml=volume_ml, seed=0)
    assert_agreement(official, tmp_path, truth, filled(truth, mask, "biharmonic"), mask)
