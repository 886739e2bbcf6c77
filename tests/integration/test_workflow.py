"""The workflow on a cohort of small scans, run by the real Snakemake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
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


def test_a_scan_is_restored_summarised_and_verified(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path, engine="nearest")
    table = folder / "config" / "scans.tsv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:2]))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout
    assert {scan: row["status"] for scan, row in summary(folder).items()} == {"a-hole": "restored"}
    (record,) = find_records([folder / "results"])
    assert verify(record).holds


def check_first_run(folder: Path) -> None:
    """Check that the cohort was restored, summarised and verified, each scan by its own engine."""
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
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout
    check_first_run(folder)
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
    folder = write_cohort(tmp_path, engine="nearest")
    assert snakemake(folder).returncode == 0
    config = folder / "config" / "config.yaml"
    config.write_text(yaml.safe_dump({"batch_size": 2, "restore": {"engine": "nearest", "edge_mm": 2.0}}))
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
    folder = write_cohort(tmp_path, bad, engine="nearest")
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
    moments = np.sort(np.random.default_rng(20).uniform(0.1, 1.0, 10)) * whole
    for moment in moments:  # the early ones first, so that the later runs, too, have something left to do
        kill_a_run_after(float(moment), disturbed)
    assert snakemake(disturbed, "--unlock").returncode == 0
    assert snakemake(disturbed).returncode == 0
    assert results_of(disturbed) == results_of(undisturbed)
    assert not [path for path in disturbed.rglob("*part*") if "site-packages" not in str(path)]


@pytest.mark.slow
@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_asked_to_end_ends_its_jobs_and_the_next_one_goes_on(
    tmp_path: Path, request_to_end: signal.Signals
) -> None:
    noise = np.random.default_rng(0).normal(1000, 100, (96, 96, 96)).astype(np.int16)
    mask = np.zeros(noise.shape, bool)
    mask[16:80, 16:80, 16:80] = True
    save(noise, tmp_path / "a.nii")
    save(mask, tmp_path / "m.nii")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scans.tsv").write_text("scan\timage\tmask\na\ta.nii\tm.nii\n")
    config = tmp_path / "config" / "config.yaml"
    config.write_text(yaml.safe_dump({"restore": {"engine": "exemplar", "max_fraction": 1.0}}))
    heeding = "import runpy, signal; [signal.signal(one, signal.SIG_DFL) for one in (1, 2, 15)]"
    module = f"{heeding}; runpy.run_module('medpaint', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", module, "run", "--directory", str(tmp_path), "-c1"]
    log = tmp_path / "results" / "logs" / "inpaint" / "exemplar-0000.log"
    with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        wait_until(
            lambda: log.exists() and any("inpaint" in one.cmdline() for one in run.children(recursive=True))
        )
        jobs = run.children(recursive=True)
        run.send_signal(request_to_end)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 128 + request_to_end
    assert f"the run was ended by {request_to_end.name}; run again to go on" in told
    assert not [one for one in jobs if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    config.write_text(yaml.safe_dump({"restore": {"engine": "nearest", "max_fraction": 1.0}}))
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stdout
    assert not list((tmp_path / "results").rglob(".part.*"))


def wait_until(reached: Callable[[], bool]) -> None:
    """Wait until something is so, a minute at most."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_hostile_cells_and_paths_fail_their_scans_alone(tmp_path: Path) -> None:
    good = "scans/a.nii.gz"
    bad = {
        "dash": ("-dash.nii.gz", "-none.nii.gz"),
        "long-name": ("x" * 300 + ".nii.gz", ""),
        "long-cell": ("x" * 200_000, ""),
        "long-mask": (good, "x" * 200_000),
        "bytes": (os.fsdecode(b"caf\xe9.nii.gz"), ""),
        "nul": ("a\0b.nii.gz", ""),
        "link": ("scans/link.nii.gz", ""),
        "loop": ("scans/loop/x.nii.gz", ""),
        "pipe": ("scans/pipe.nii", ""),
        "device": ("/dev/zero", ""),
        "shell": ("scans/$(touch evil); 'x\" {y}.nii", ""),
        "pipe-mask": (good, "scans/pipe.nii"),
        "bad-bytes-within": ("scans/series", ""),
    }
    rows = tuple(f"{name}\t{image}\t{mask}\tnearest" for name, (image, mask) in bad.items())
    folder = write_cohort(tmp_path, engine="nearest")
    table = folder / "config" / "scans.tsv"
    table.write_bytes(table.read_bytes() + os.fsencode("\n".join(rows) + "\n"))
    (folder / "scans" / "link.nii.gz").symlink_to("nowhere")
    (folder / "scans" / "loop").symlink_to("loop")
    os.mkfifo(folder / "scans" / "pipe.nii")
    (folder / "scans" / "series").mkdir()
    Path(os.fsdecode(os.fsencode(folder / "scans" / "series") + b"/caf\xe9.dcm")).write_bytes(b"nothing")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "0001.dcm").write_text("mine")
    (folder / "results" / "restored" / "a-hole").mkdir(parents=True)
    for name in ("a-hole_restored.nii.gz", "a-hole_record.json"):
        (folder / "results" / "restored" / "a-hole" / name).symlink_to(folder / "elsewhere")
    command = [sys.executable, "-m", "medpaint", "run", "--directory", str(folder), "--cores", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 4, done.stderr
    found = summary(folder)
    assert {name for name, row in found.items() if row["status"] == "failed"} - {"a-hole"} == set(bad)
    assert all(found[scan]["status"] in {"restored", "nothing to repair"} for scan in GOOD[1:])
    assert all(len(row["reason"]) < 1000 and "internal" not in row["reason"] for row in found.values())
    assert not (folder / "evil").exists()
    assert (folder / "elsewhere" / "0001.dcm").read_text() == "mine"


def kill_a_run_after(seconds: float, folder: Path) -> None:
    """Start a run, and kill it and all its processes without warning, unless it ends before."""
    command = snakemake_command(["--directory", str(folder), "--cores", "2", "--nolock"])
    run = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(psutil.TimeoutExpired):
        run.wait(timeout=seconds)
        return
    for process in [*run.children(recursive=True), run]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait(timeout=30)
