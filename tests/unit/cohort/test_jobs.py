"""The jobs of a cohort, called one by one."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from codestreams import broken_decoder, series
from pydicom.uid import JPEGLSLossless
from scans import save_pair

from medpaint.audit.find import find_records
from medpaint.audit.verify import verify
from medpaint.cohort.jobs import export_scan, ingest_scan, inpaint_scans
from medpaint.cohort.staging import load_case
from medpaint.cohort.table import ScanRow
from medpaint.core.errors import ConvergenceError, MaskError, UsageError, WriteError
from medpaint.parameters import Parameters
from medpaint.pipeline.case import Case


def through(folder: Path, image: Path, mask: Path | None, name: str = "a") -> Path:
    """Run all jobs on one scan, and return the folder of its products."""
    ingest_scan(image, mask, Parameters(), folder / "a.npz")
    inpaint_scans([folder / "a.npz"], {"engine": "nearest"}, folder / "fills")
    export_scan(image, folder / "fills" / "a.npz", {}, folder / "out", name)
    return folder / "out"


def test_the_jobs_make_the_products_and_the_record(tmp_path: Path) -> None:
    out = through(tmp_path, *save_pair(tmp_path))
    assert sorted(path.name for path in out.iterdir()) == ["a_mask.nii.gz", "a_record.json", "a_restored.nii.gz"]


def test_a_failed_scan_leaves_no_product_of_an_earlier_run(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    through(tmp_path, scan, mask)
    mask.write_bytes(b"nothing")
    out = through(tmp_path, scan, mask)
    assert [path.name for path in out.iterdir()] == ["a_record.json"]


@pytest.mark.parametrize("readable", [True, False])
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, *, readable: bool) -> None:
    scan, mask = save_pair(tmp_path)
    if not readable:
        mask.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="expected a name"):
        through(tmp_path, scan, mask, name="../evil")
    assert not (tmp_path / "evil_record.json").exists()


def test_a_refused_row_fails_without_a_look_at_its_scan(tmp_path: Path) -> None:
    reason = ingest_scan(Path("/dev/zero"), None, Parameters(), tmp_path / "a.npz", refusal="too long")
    assert reason == "too long"
    inpaint_scans([tmp_path / "a.npz"], {"engine": "nearest"}, tmp_path / "fills")
    record = export_scan(Path("/dev/zero"), tmp_path / "fills" / "a.npz", {}, tmp_path / "out", "a")
    assert (record.status, record.reason) == ("failed", "too long")


@pytest.mark.parametrize("name", ["x" * 300, "pipe.nii", "link.nii", "loop", "scan.nii.gz/below", "-dash.nii.gz"])
def test_a_path_that_cannot_be_used_fails_its_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    scan, mask = save_pair(tmp_path)
    os.mkfifo("pipe.nii")
    Path("link.nii").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    reasons = [
        ingest_scan(image, mask, Parameters(), tmp_path / "a.npz")
        for image, mask in ((Path(name), mask), (scan, Path(name)))
    ]
    assert all(name in reason and "\n" not in reason and "internal" not in reason for reason in reasons), reasons


def test_a_damaged_case_or_fill_fails_its_scan_and_not_its_batch(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    for name in "ab":
        ingest_scan(scan, mask, Parameters(), tmp_path / f"{name}.npz")
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    cases = [tmp_path / "a.npz", tmp_path / "b.npz"]
    failed = inpaint_scans(cases, {"engine": "nearest"}, tmp_path / "fills")
    assert list(failed) == ["a"]
    (tmp_path / "fills" / "b.npz").unlink()
    record = export_scan(scan, tmp_path / "fills" / "b.npz", {}, tmp_path / "out", "b")
    assert "b.npz" in record.reason


def test_a_case_in_place_of_a_fill_is_refused_and_the_reverse(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    through(tmp_path, scan, mask)
    record = export_scan(scan, tmp_path / "a.npz", {}, tmp_path / "other", "a")
    assert record.reason.endswith(
        "a.npz: expected a file that `medpaint inpaint` wrote, got one of another command"
    )
    reasons = inpaint_scans([tmp_path / "fills" / "a.npz"], {"engine": "nearest"}, tmp_path / "again")
    assert "expected a file that `medpaint ingest` wrote" in reasons["a"]


def test_a_full_disk_is_no_failure_of_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    scan, mask = save_pair(tmp_path)
    monkeypatch.setattr("medpaint.cohort.jobs.save_case", full)
    with pytest.raises(OSError, match="No space left"):
        ingest_scan(scan, mask, Parameters(), tmp_path / "a.npz")


def test_a_decoder_that_cannot_be_started_is_no_failure_of_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series(tmp_path / "scan", JPEGLSLossless)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with broken_decoder("pass"), pytest.raises(OSError, match="does not start: No such file or directory"):
        ingest_scan(tmp_path / "scan", None, Parameters(), tmp_path / "a.npz")
    monkeypatch.undo()
    with broken_decoder("pass"), monkeypatch.context() as patch:
        patch.setattr("medpaint.io.codecs.decoder_process._START", "raise SystemExit(5)")
        with pytest.raises(OSError, match=r"does not start \(exit code 5\)"):
            ingest_scan(tmp_path / "scan", None, Parameters(), tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("withhold", [True, False])
def test_a_thread_that_cannot_be_started_is_no_failure_of_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, withhold: bool
) -> None:
    def fail(*_: object) -> NoReturn:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr("medpaint.cohort.jobs.read", fail)
    with pytest.raises(WriteError, match="the machine failed: can't start new thread"):
        ingest_scan(*save_pair(tmp_path), Parameters(), tmp_path / "a.npz", withhold=withhold)
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("part", ["a_restored.nii.gz", "a_mask.nii.gz", "a_record.json", ".a.lock"])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_link_to_a_folder_where_a_product_goes_stays_harmless(
    tmp_path: Path, part: str, *, earlier: bool
) -> None:
    scan, mask = save_pair(tmp_path)
    if earlier:
        through(tmp_path, scan, mask)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0001.dcm").write_text("mine")
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / part).unlink(missing_ok=True)
    (tmp_path / "out" / part).symlink_to(tmp_path / "elsewhere")
    through(tmp_path, scan, mask)
    assert (tmp_path / "elsewhere" / "0001.dcm").read_text() == "mine"
    status = json.loads((tmp_path / "out" / "a_record.json").read_text())["status"]
    assert status == "failed" or all(verify(record).holds for record in find_records([tmp_path / "out"]))


def test_a_failing_scan_removes_what_a_killed_export_left(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    out = through(tmp_path, scan, mask)
    script = (
        "import os, sys; from pathlib import Path; from medpaint.io.atomic import hidden_folder\n"
        "with hidden_folder(Path(sys.argv[1])) as hidden:\n"
        "    (hidden / 'a_restored.nii.gz').write_bytes(b'part'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, out], check=False)
    assert list(out.glob(".part.*"))
    mask.write_bytes(b"nothing")
    through(tmp_path, scan, mask)
    assert [path.name for path in out.iterdir()] == ["a_record.json"]


KILLED = """
import os, sys
from pathlib import Path
from medpaint.cohort.jobs import export_scan
from medpaint.pipeline import destination, write

die, move = lambda *_: os.kill(os.getpid(), 9), Path.replace
killers = (
    lambda: setattr(destination.Destination, "fill", die),
    lambda: setattr(Path, "replace", lambda *a: (move(*a), a[1].name == "a_mask.nii.gz" and die())),
    lambda: setattr(write, "write_record", die),
)
for kill, folder in zip(killers, map(Path, sys.argv[1:]), strict=True):
    if not os.fork():
        kill()
        export_scan(folder / "scan.nii.gz", folder / "fills" / "a.npz", {}, folder / "out", "a")
    print(os.WTERMSIG(os.wait()[1]))
"""
"""Kills an export before its products move into place, another between two of them, and one while it writes."""


def test_a_scan_that_fails_removes_what_its_own_killed_export_left(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("before", "between", "writing")]
    for folder in folders:
        ingest_scan(*save_pair(folder), Parameters(), folder / "a.npz")
        inpaint_scans([folder / "a.npz"], {"engine": "nearest"}, folder / "fills")
    done = subprocess.run([sys.executable, "-c", KILLED, *folders], capture_output=True, check=False)
    assert done.stdout.split() == [b"9", b"9", b"9"], done.stderr
    for folder in folders:
        assert list((folder / "out").glob(".part.*"))
        scan, mask = folder / "scan.nii.gz", folder / "scan-mask.nii.gz"
        mask.write_bytes(b"nothing")
        out = through(folder, scan, mask)
        assert [path.name for path in out.iterdir()] == ["a_record.json"]
        assert sorted(path.name for path in folder.iterdir()) == ["a.npz", "fills", "out", mask.name, scan.name]
        assert [path.name for path in (folder / "fills").iterdir()] == ["a.npz"]


def test_a_scan_that_changes_between_jobs_fails(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    ingest_scan(scan, mask, Parameters(), tmp_path / "a.npz")
    inpaint_scans([tmp_path / "a.npz"], {"engine": "nearest"}, tmp_path / "fills")
    scan.write_bytes(mask.read_bytes())
    record = export_scan(scan, tmp_path / "fills" / "a.npz", {}, tmp_path / "out", "a")
    assert "has changed since it was read" in record.reason


@pytest.fixture
def named(tmp_path: Path) -> tuple[Path, Path]:
    """Return a scan and a mask in a folder that is named after a patient."""
    (tmp_path / "DOE^JANE").mkdir()
    return save_pair(tmp_path / "DOE^JANE")


def test_a_case_withholds_what_its_files_are_called(named: tuple[Path, Path], tmp_path: Path) -> None:
    parameters = Parameters.of({"labels": [1]})
    assert ingest_scan(*named, parameters, tmp_path / "a.npz", withhold=True) == ""
    case = load_case(tmp_path / "a.npz")
    assert isinstance(case, Case)
    assert case.draft.mask is not None
    assert (case.draft.read.path, case.draft.mask.path, case.draft.read.facts) == ("", "", {})
    assert case.draft.parameters.mask.labels == (1,)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MaskError("DOE^JANE"), "the mask cannot be right for this scan (MaskError); which one"),
        (ConvergenceError("DOE^JANE"), "the scan could not be restored (ConvergenceError); which one"),
        (
            PermissionError(errno.EACCES, "denied", "DOE^JANE"),
            "a file cannot be read or written (PermissionError); ",
        ),
        (MemoryError("DOE^JANE"), "the scan needs more memory than this job has"),
        (ZeroDivisionError("DOE^JANE"), "internal error, please report it: ZeroDivisionError"),
    ],
)
def test_a_withheld_reason_is_the_kind_of_failure(
    named: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    reason: str,
) -> None:
    def fail(*_: object) -> NoReturn:
        os.write(2, b"DOE^JANE, as native code prints it\n")
        sys.stdout.write("DOE^JANE\n")
        raise error

    monkeypatch.setattr("medpaint.cohort.jobs.read", fail)
    got = ingest_scan(*named, Parameters(), tmp_path / "a.npz", withhold=True)
    assert got.startswith(reason)
    assert "DOE" not in got + "".join(capfd.readouterr())
    monkeypatch.undo()
    sys.stdout.write("heard\n")
    assert capfd.readouterr().out == "heard\n"


def test_a_killed_decoder_is_no_failure_of_the_scan(tmp_path: Path) -> None:
    series(tmp_path / "scan", JPEGLSLossless)
    with (
        broken_decoder("os.kill(os.getpid(), 9)"),
        pytest.raises(OSError, match=r"decoder was killed \(SIGKILL\)"),
    ):
        ingest_scan(tmp_path / "scan", None, Parameters(), tmp_path / "a.npz")


def test_a_failure_of_the_machine_names_no_file_of_a_withheld_scan(
    named: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error", "DOE^JANE")

    monkeypatch.setattr("medpaint.cohort.jobs.read", fail)
    with pytest.raises(WriteError, match="the machine failed: Input/output error") as caught:
        ingest_scan(*named, Parameters(), tmp_path / "a.npz", withhold=True)
    assert "DOE" not in str(caught.value)


def test_what_is_wrong_with_the_secret_is_said(named: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sixteen letters!")
    (tmp_path / "key").chmod(0o644)
    ingest_scan(*named, Parameters(), tmp_path / "a.npz", withhold=True)
    inpaint_scans([tmp_path / "a.npz"], {"engine": "nearest"}, tmp_path / "fills")
    row = ScanRow(scan="a", image=str(named[0]), mask=str(named[1]))
    settings = {"deidentify": str(tmp_path / "key")}
    record = export_scan(named[0], tmp_path / "fills" / "a.npz", settings, tmp_path / "out", "a", row=row)
    assert "expected a file that only its owner can read (chmod 600)" in record.reason
    (tmp_path / "key").chmod(0o600)
    record = export_scan(named[0], tmp_path / "fills" / "a.npz", settings, tmp_path / "out", "a", row=row)
    assert record.status == "restored"
    assert "DOE" not in record.to_json()
