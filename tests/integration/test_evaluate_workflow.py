"""The target `evaluate` of the workflow, run by the real Snakemake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scans import phantom, save, save_pair

from medpaint.cohort.launch import snakemake_command
from medpaint.evaluation.tables import read_scores

pytestmark = pytest.mark.slow


def test_cohort_is_evaluated_on_its_own_scans(tmp_path: Path) -> None:
    save_pair(tmp_path / "scans", "a")
    save(phantom(), tmp_path / "scans" / "b.nii.gz")
    (tmp_path / "scans" / "c.nii.gz").write_bytes(b"nothing")
    rows = ["scan\timage\tmask", "with-mask\tscans/a.nii.gz\tscans/a-mask.nii.gz", "clean\tscans/b.nii.gz\t"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scans.tsv").write_text("\n".join([*rows, "bad\tscans/c.nii.gz\t"]) + "\n")
    (tmp_path / "config" / "config.yaml").write_text(
        "restore:\n  seed: 3\nevaluate:\n  engines: [harmonic, nearest]\n  kinds: ['blob:1-3', 'slices:1-2']\n"
    )
    command = snakemake_command(["--directory", str(tmp_path), "--cores", "2", "evaluate"])
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": places})
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results" / "evaluation"
    rows_found = read_scores(results / "scores.tsv")
    assert {row.scan for row in rows_found} == {"with-mask", "clean"}
    assert {(row.engine, row.bin) for row in rows_found} == {
        (engine, size) for engine in ("harmonic", "nearest") for size in ("1-3 ml", "1-2 slices")
    }
    record = json.loads((results / "record.json").read_text())
    assert record["seed"] == 3
    assert [one["path"] for one in record["left_out"]] == ["scans/c.nii.gz"]
    assert not (tmp_path / "results" / "restored").exists()
