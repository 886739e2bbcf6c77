"""The target `corrupt` of the workflow, run by the real Snakemake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scans import phantom, save, save_pair

from medpaint.cohort.launch import snakemake_command
from medpaint.io.tables import read_rows
from medpaint.simulation.dataset import COLUMNS

pytestmark = pytest.mark.slow


def corrupted(folder: Path) -> dict[Path, bytes]:
    """Run the target in a new cohort; return the files of the data set."""
    for person in ("anna", "bert"):
        save(phantom(), folder / "scans" / f"{person}.nii.gz")
    save_pair(folder / "scans", "lesioned")
    (folder / "scans" / "bad.nii.gz").write_bytes(b"nothing")
    rows = ["scan\timage\tmask\tperson", "a\tscans/anna.nii.gz\t\tanna", "b\tscans/bert.nii.gz\t\tbert"]
    rows += ["c\tscans/lesioned.nii.gz\tscans/lesioned-mask.nii.gz\t", "d\tscans/bad.nii.gz\t\t"]
    (folder / "config").mkdir()
    (folder / "config" / "scans.tsv").write_text("\n".join(rows) + "\n")
    (folder / "config" / "config.yaml").write_text(
        "corrupt:\n  kinds: [noise, metal]\n  severities: [0.5]\n  validation: 0.0\n  test: 0.5\n"
    )
    command = snakemake_command(["--directory", str(folder), "--cores", "2", "corrupt"])
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": places})
    assert done.returncode == 0, done.stderr
    assert not (folder / "results" / "restored").exists()
    made = folder / "results" / "corrupted"
    return {path.relative_to(made): path.read_bytes() for path in made.rglob("*") if path.is_file()}


def test_cohort_becomes_a_data_set_and_the_same_one_each_time(tmp_path: Path) -> None:
    first = corrupted(tmp_path / "one")
    table = read_rows(
        tmp_path / "one" / "results" / "corrupted" / "manifest.tsv", columns=COLUMNS, what="a manifest"
    )
    rows = [dict(row.values) for row in table]
    assert [(row["scan"], row["kind"], row["severity"]) for row in rows] == [
        *(("a", "clean", ""), ("a", "noise", "0.5"), ("a", "metal", "0.5")),
        *(("b", "clean", ""), ("b", "noise", "0.5"), ("b", "metal", "0.5")),
        ("d", "clean", ""),
    ]
    assert {row["person"]: row["part"] for row in rows if row["image"]}.keys() == {"anna", "bert"}
    assert {row["part"] for row in rows if row["image"]} == {"training", "test"}
    left_out = {(row["scan"], row["kind"]) for row in rows if row["left_out"]}
    assert left_out == {("a", "metal"), ("b", "metal"), ("d", "clean")}
    assert corrupted(tmp_path / "two") == first
