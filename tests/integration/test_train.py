"""Trainings from the command line, from recipe to restored scan."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from scans import save
from training_parts import recipe, source, whole

from medpaint.cohort.launch import snakemake_command
from medpaint.engines.base import Hole
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.registry import load_engine
from medpaint.training.recipe import read_recipe

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "config" / "train" / "smoke.yaml"


def command(recipe_path: Path, output: Path, *options: str) -> list[str]:
    """Return the command line of a training on one thread of the CPU, where the order of sums is fixed."""
    words = [sys.executable, "-m", "medpaint", "train", str(recipe_path), "--output", str(output)]
    return [*words, "--accelerator", "cpu", "--workers", "2", *options]


def environment() -> dict[str, str]:
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PATH": os.pathsep.join(places)}


def trained(recipe_path: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Train to the end."""
    words = command(recipe_path, output, *options)
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment())


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("smoke")
    done = trained(SMOKE, folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


def written(folder: Path, **changes: Any) -> Path:
    """Write a tiny recipe and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe(**changes).model_dump(mode="json")))
    return path


def test_training_starts_from_the_given_weights(smoke: Path, tmp_path: Path) -> None:
    weights = smoke / "smoke.safetensors"
    again = trained(SMOKE, tmp_path / "again", "--start", str(weights), "--json")
    assert again.returncode == 0
    record = json.loads(Path(json.loads(again.stdout)["record"]).read_text())
    assert record["start_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert record["scores"]["validation"] < 1.0


def test_a_tiny_learning_rate_keeps_the_initial_weights(smoke: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(SMOKE.read_text())
    still = tmp_path / "still.yaml"
    still.write_text(yaml.safe_dump({**values, "loop": {**values["loop"], "steps": 2, "rate": 1e-12}}))
    first, again = smoke / "smoke.safetensors", tmp_path / "again" / "smoke.safetensors"
    assert trained(still, again.parent, "--start", str(first)).returncode == 0
    before, after = load_file(first), load_file(again)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def killed_after_its_first_checkpoint(output: Path, wait_s: float) -> bool:
    """Start a training, kill it a while after its first checkpoint, and return whether it was still at work."""
    with subprocess.Popen(command(SMOKE, output), env=environment(), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (output / "checkpoint.pt").exists():
            time.sleep(0.005)
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL and not (output / "smoke.safetensors").exists()


def test_a_killed_training_resumes_to_the_same_weights(smoke: Path, tmp_path: Path) -> None:
    waits = random.uniform(0.0, 0.4), 0.05, 0.0  # noqa: S311 - a moment, not a secret
    tries = [tmp_path / f"killed-{wait_s:.3f}" for wait_s in waits]
    killed = next(
        folder
        for folder, wait_s in zip(tries, waits, strict=True)
        if killed_after_its_first_checkpoint(folder, wait_s)
    )
    again = trained(SMOKE, killed)
    assert again.returncode == 0, again.stderr
    first, second = (folder / "smoke.safetensors" for folder in (smoke, killed))
    assert first.read_bytes() == second.read_bytes(), killed.name


def test_workers_end_when_the_training_is_killed(tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = command(written(tmp_path, pairs={"cases": 500}), output)
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(output.glob("pairs/*/*.npy")):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)  # the pipe is closed once the last worker is gone
    made = len(list(output.glob("pairs/*/*.npy")))
    assert process.returncode == -signal.SIGKILL
    assert 1 <= made < 500


def test_json_is_one_object_and_the_same_for_a_finished_training(tmp_path: Path) -> None:
    output = tmp_path / "out"
    first, again = (trained(written(tmp_path), output, "--json") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    printed = json.loads(first.stdout)
    assert printed == json.loads(again.stdout)
    assert printed["status"] == "trained"
    assert printed["skipped"] == []
    record = json.loads(Path(printed["record"]).read_text())
    assert record["weights_sha256"] == printed["sha256"]
    assert record["steps"] == 4
    assert record["recipe_sha256"] == read_recipe(written(tmp_path)).sha256
    assert {one["part"] for one in record["scans"]} == {"training", "validation"}
    assert list((output / "logs").iterdir())


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert trained(written(tmp_path), output).returncode == 0
    before = (output / "tiny.safetensors").read_bytes()
    other = trained(written(tmp_path, seed=1), output)
    assert other.returncode == 2
    assert "got the training of another recipe" in other.stderr
    assert (output / "tiny.safetensors").read_bytes() == before


def test_a_damaged_file_is_skipped_with_its_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("sub-a", "sub-b", "sub-c"):
        save(whole().truth, data / f"{name}.nii.gz", np.eye(4))
    cut = data / "sub-c.nii.gz"
    cut.write_bytes(cut.read_bytes()[:2000])
    path = written(tmp_path, sources=[source().model_dump(mode="json")], validation=["brains/sub-b"])
    done = trained(path, tmp_path / "out", "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith(f"skipped: {cut}: ")]
    assert "1 files or cases skipped" in done.stdout
    record = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert [one["person"] for one in record["scans"]] == ["brains/sub-a", "brains/sub-b"]
    assert [one["path"] for one in record["skipped"]] == [str(cut)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_weights_restore_a_scan(tmp_path: Path, name: str) -> None:
    holes = [{"kind": "slices", "sizes": [6, 6], "weight": 1.0}]
    loop = {"steps": 20, "validate_every": 5, "ema": 0.5}
    path = written(tmp_path, network={"kind": name}, holes=holes, loop=loop)
    done = trained(path, tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    weights = Path(json.loads(done.stdout)["weights"])
    scan = whole()
    mask = np.zeros(scan.truth.shape, bool)
    mask[:, :, 14:20] = True
    image = np.where(mask, np.float32(0.0), scan.truth)
    options: dict[str, Any] = {} if name == "resnet2d" else {"pace": None}
    engine = load_engine(name, weights=weights, **options)
    hole = Hole(image, mask, scan.spacing_mm)
    first, again = (engine.fill(hole, seed=0) for _ in range(2))
    assert name in first.fillers
    assert np.array_equal(first.values, again.values)
    assert np.isfinite(first.values).all()
    untrained = load_engine("biharmonic").fill(hole, seed=0)
    assert not np.array_equal(first.values, untrained.values)


def test_several_processes_train_one_network(tmp_path: Path) -> None:
    path = written(tmp_path, loop={"steps": None, "minutes": 0.005, "batch": 2, "validate_every": 2})
    done = trained(path, tmp_path / "out", "--devices", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "trained"
    assert len(list((tmp_path / "out" / "logs").iterdir())) == 1


def test_a_cohort_trains_by_name(tmp_path: Path) -> None:
    (tmp_path / "config" / "train").mkdir(parents=True)
    written(tmp_path / "config" / "train").rename(tmp_path / "config" / "train" / "tiny.yaml")
    (tmp_path / "config" / "scans.tsv").write_text("scan\timage\nnone\tscans/none.nii.gz\n")
    (tmp_path / "config" / "config.yaml").write_text("training_data: .\nrestore: {}\n")
    options = ["--directory", str(tmp_path), "--cores", "2", "results/weights/tiny.safetensors"]

    def snakemake(*more: str) -> subprocess.CompletedProcess[str]:
        words = snakemake_command([*options, *more])
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environment())

    dry = snakemake("--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "train" in dry.stdout
    assert not (tmp_path / "results" / "weights").exists()
    done = snakemake()
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "results" / "weights" / "tiny.json").read_text())
    assert record["recipe"]["name"] == "tiny"
    assert (tmp_path / "results" / "work" / "training" / "tiny" / "checkpoint.pt").exists()
    assert not (tmp_path / "results" / "restored").exists()


def test_an_ordinary_run_does_not_train(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scans.tsv").write_text("scan\timage\nnone\tscans/none.nii.gz\n")
    (tmp_path / "config" / "config.yaml").write_text("restore: {}\n")
    words = snakemake_command(["--directory", str(tmp_path), "--cores", "2", "--dry-run"])
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    assert "train" not in done.stdout
