"""The workflow on a cohort of small scans, run by the real Snakemake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from cohorts import planned, snakemake, summary
from dicom_phantom import Phantom
from scans import hole, phantom, save, save_pair

from medpaint.audit.find import find_records
from medpaint.audit.verify import verify
from medpaint.cohort.launch import snakemake_command
from medpaint.record.entries import Record

GOOD = ("a-hole", "b-slices", "c-series", "d-clean")


def write_cohort(folder: Path, extra: tuple[str, ...] = (), **restore: Any) -> Path:
    """Write four scans, a mask for two of them, and a configuration with batches of two."""
    scans = folder / "scans"
    save_pair(scans, "a")
    lost = phantom()
    lost[:, :, [9, 15, 16]] = 0
    save(lost, scans / "b.nii")
    Phantom(shape=(20, 18, 6)).write(scans / "c series")
    save(_block(), scans / "c-mask.nii.gz", Phantom(shape=(20, 18, 6)).affine())
    save(phantom(), scans / "d.nii.gz")
    rows = [
        "scan\timage\tmask\tengine",
        "a-hole\tscans/a.nii.gz\tscans/a-mask.nii.gz\t",
        "b-slices\tscans/b.nii\t\t",
        "c-series\tscans/c series\tscans/c-mask.nii.gz\tnearest",
        "d-clean\tscans/d.nii.gz\t\t",
        *extra,
    ]
    (folder / "config").mkdir()
    (folder / "config" / "scans.tsv").write_text("\n".join(rows) + "\n")
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"batch_size": 2, "restore": restore}))
    return folder


def _block() -> Any:
    """Return a mask for the series, (columns, rows, slices)."""
    mask = np.zeros((18, 20, 6), bool)
    mask[6:10, 8:12, 2:4] = True
    return mask


def without_times(entry: Any) -> Any:
    """Return a record, or an entry of it, without times."""
    if not isinstance(entry, dict):
        return entry
    return {key: without_times(value) for key, value in entry.items() if key not in {"created", "seconds"}}


def results_of(folder: Path) -> dict[str, Any]:
    """Return the results of a run: the bytes of every product, and the records without times."""
    base = folder / "results" / "restored"
    found: dict[str, Any] = {}
    for path in sorted(base.rglob("*")):
        if path.name.endswith("_record.json"):
            found[str(path.relative_to(base))] = without_times(json.loads(path.read_text()))
        elif path.is_file() and ".snakemake" not in path.parts:
            found[str(path.relative_to(base))] = path.read_bytes()
    return found


def test_a_cohort_is_restored_summarised_and_verified(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path)
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout
    rows = summary(folder)
    assert {scan: row["status"] for scan, row in rows.items()} == {
        "a-hole": "restored",
        "b-slices": "restored",
        "c-series": "restored",
        "d-clean": "nothing to repair",
    }
    assert rows["c-series"]["engine"] == "nearest"
    assert rows["a-hole"]["engine"] == "unet3d"
    assert float(rows["a-hole"]["repaired_ml"]) == pytest.approx(180 * 0.008, rel=1e-3)
    records = find_records([folder / "results"])
    assert len(records) == 4
    assert all(verify(record).holds for record in records)
    assert not list((folder / "results").rglob("*.npz"))


@pytest.mark.slow
def test_a_rerun_does_nothing_and_a_changed_mask_redoes_its_batch(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path)
    assert snakemake(folder).returncode == 0
    assert planned(folder) == set()
    before = results_of(folder)
    times = {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*_record.json")}
    changed = hole()
    changed[11] = changed[12]
    save(changed, folder / "scans" / "a-mask.nii.gz")
    assert snakemake(folder).returncode == 0
    redone = {path.parent.name for path, then in times.items() if path.stat().st_mtime_ns != then}
    assert redone == {"a-hole", "b-slices"}
    after = results_of(folder)
    assert {name.split("/")[0] for name in after if after[name] != before[name]} == {"a-hole"}


@pytest.mark.slow
def test_a_changed_setting_redoes_the_jobs_that_depend_on_it(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path)
    assert snakemake(folder).returncode == 0
    config = folder / "config" / "config.yaml"
    config.write_text(yaml.safe_dump({"batch_size": 2, "restore": {"edge_mm": 2.0}}))
    assert len([name for name in planned(folder) if name.endswith("_record.json")]) == 4
    assert snakemake(folder).returncode == 0
    record = Record.model_validate_json((folder / "results/restored/a-hole/a-hole_record.json").read_text())
    assert record.parameters.write.edge_mm == 2.0


@pytest.mark.slow
def test_bad_scans_are_reported_and_do_not_stop_the_others(tmp_path: Path) -> None:
    bad = (
        "e-missing\tscans/nowhere.nii.gz\t\t",
        "f-truncated\tscans/f.nii.gz\t\t",
        "g-other-grid\tscans/d.nii.gz\tscans/c-mask.nii.gz\t",
        "h-engine\tscans/a.nii.gz\tscans/a-mask.nii.gz\tMagic_9",
        "i-braces\tscans/{x} 'y;z.nii.gz\t\t",
    )
    folder = write_cohort(tmp_path, bad)
    (folder / "scans" / "f.nii.gz").write_bytes((folder / "scans" / "d.nii.gz").read_bytes()[:3000])
    (folder / "scans" / "{x} 'y;z.nii.gz").write_bytes(b"nothing")
    command = [sys.executable, "-m", "medpaint", "run", "--directory", str(folder), "--cores", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert json.loads(done.stdout)["error"] == "PartialFailureError"
    rows = summary(folder)
    assert [scan for scan, row in rows.items() if row["status"] == "failed"] == [row.split("\t")[0] for row in bad]
    assert "nowhere.nii.gz" in rows["e-missing"]["reason"]
    assert "truncated" in rows["f-truncated"]["reason"]
    assert "another grid" in rows["g-other-grid"]["reason"]
    assert "Magic_9" in rows["h-engine"]["reason"]
    assert "not a NIfTI" in rows["i-braces"]["reason"] or "expected" in rows["i-braces"]["reason"]
    assert all(rows[scan]["status"] in {"restored", "nothing to repair"} for scan in GOOD)
    save(phantom(), folder / "scans" / "nowhere.nii.gz")
    assert snakemake(folder).returncode != 0
    assert summary(folder)["e-missing"]["status"] == "nothing to repair"


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_bytes(tmp_path: Path) -> None:
    undisturbed, disturbed = (
        write_cohort(tmp_path / name, engine="harmonic") for name in ("undisturbed", "disturbed")
    )
    started = time.monotonic()
    assert snakemake(undisturbed).returncode == 0
    whole = time.monotonic() - started
    moments = np.random.default_rng(20).uniform(0.1, 1.0, 10) * whole
    for moment in moments:
        kill_a_run_after(float(moment), disturbed)
    assert snakemake(disturbed, "--unlock").returncode == 0
    assert snakemake(disturbed).returncode == 0
    assert results_of(disturbed) == results_of(undisturbed)
    assert not [path for path in disturbed.rglob("*part*") if "site-packages" not in str(path)]


def kill_a_run_after(seconds: float, folder: Path) -> None:
    """Start a run, and kill it and all its processes without warning."""
    command = snakemake_command(["--directory", str(folder), "--cores", "2", "--nolock"])
    run = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    family = [*run.children(recursive=True), run] if run.is_running() else []
    for process in family:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait(timeout=30)
