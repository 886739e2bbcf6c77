"""Networks on a GPU: filling, training, and what the record says about it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scans import save

from medpaint.core.types import FloatArray, Mask
from medpaint.engines.learned.networks.names import NetworkName
from medpaint.phantoms import head
from medpaint.pipeline.restore import restore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

ROOT = Path(__file__).resolve().parents[2]

NEAR = 0.02
"""How far, relative to the spread of the scan, half precision may be from single precision."""


def holed() -> tuple[FloatArray, Mask]:
    """Return a head and a hole in it that is larger than a window."""
    noise = np.random.default_rng(0).normal(0.0, 0.02, (96, 112, 96)).astype(np.float32)
    image: FloatArray = 100.0 * (head(noise.shape, (2.0, 2.0, 2.0)) + noise)
    mask = np.zeros(image.shape, dtype=bool)
    mask[40:60, 30:80, 40:56] = True
    return image, mask


def medpaint(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "medpaint", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ["unet3d", "unet2d"])
@pytest.mark.parametrize("effort", ["fast", "best"])
def test_gpu_and_cpu_fill_alike(engine: NetworkName, effort: str) -> None:
    image, mask = holed()
    on_cpu = restore(image, mask, engine=engine, effort=effort, seed=3)
    on_gpu = restore(image, mask, engine=engine, effort=effort, seed=3, device="cuda")
    assert np.array_equal(on_gpu.volume.data[~mask], image[~mask])
    assert on_gpu.record.inpaint is not None
    assert on_gpu.record.inpaint.device == "cuda"
    difference = np.abs(on_gpu.volume.data[mask].astype(float) - on_cpu.volume.data[mask])
    assert np.sqrt(np.mean(difference**2)) < NEAR * image.std()


def test_restoring_on_a_gpu_gives_a_verifiable_result(tmp_path: Path) -> None:
    image, mask = holed()
    scan, hole = save(image, tmp_path / "scan.nii.gz", np.eye(4)), save(mask, tmp_path / "mask.nii.gz", np.eye(4))
    output = tmp_path / "out"
    done = medpaint("restore", str(scan), "--mask", str(hole), "--output", str(output), "--device", "cuda")
    assert done.returncode == 0, done.stderr
    (record,) = output.glob("*.json")
    assert json.loads(record.read_text())["inpaint"]["device"] == "cuda"
    checked = medpaint("verify", str(record))
    assert checked.returncode == 0, checked.stderr


def test_weights_trained_on_a_gpu_restore_on_the_cpu(tmp_path: Path) -> None:
    recipe = ROOT / "config" / "train" / "smoke.yaml"
    done = medpaint("train", str(recipe), "--output", str(tmp_path), "--accelerator", "cuda", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "smoke.json").read_text())["device"].startswith("cuda")
    image, mask = holed()
    restored = restore(image, mask, engine="unet3d", weights=str(tmp_path / "smoke.safetensors"))
    assert np.array_equal(restored.volume.data[~mask], image[~mask])
