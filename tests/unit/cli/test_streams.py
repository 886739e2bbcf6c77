"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scans import phantom, save, save_pair

from medpaint.cli.main import main

FULL = "No space left on device"

CHECKED = "MEDPAINT check summary.tsv --json"
"""Prints a line, and imports next to nothing."""


def run(line: str, folder: Path, *, buffered: bool = True) -> tuple[int, str]:
    """Run a line of bash in which MEDPAINT is the program; return its exit code and all that was printed."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1", "TERM": "dumb"}
    words = line.replace("MEDPAINT", f"'{sys.executable}' -m medpaint")
    command = ["bash", "-c", f"set -o pipefail; {words}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("mode", ["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("MEDPAINT engines | head -0", 1, ""),
        ("MEDPAINT engines >/dev/full", 1, FULL),
        (f"{CHECKED} 2>&1 | head -0", 1, ""),
        (f"{CHECKED} >&-", 0, ""),
        (f"{CHECKED} >/dev/full", 1, FULL),
        (f"{CHECKED} >/dev/full 2>/dev/full", 1, ""),
        ("MEDPAINT --help >&-", 0, ""),
        ("MEDPAINT check nowhere --json >/dev/full", 3, "No such file or directory"),
        ("MEDPAINT check nowhere 2>&-", 3, ""),
        ("MEDPAINT check nowhere 2>/dev/full", 3, ""),
        ("MEDPAINT check nowhere 2>&1 | head -0", 3, ""),
        ("MEDPAINT inspect 2>/dev/full", 2, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_traceback(
    tmp_path: Path, line: str, code: int, said: str, mode: str
) -> None:
    (tmp_path / "summary.tsv").write_text("scan\tstatus\treason\na\trestored\t\n")
    found, printed = run(line, tmp_path, buffered=mode == "buffered")
    assert found == code
    assert said in printed
    assert len(printed.splitlines()) == bool(said)


def test_help_that_cannot_be_printed_is_an_error(tmp_path: Path) -> None:
    code, printed = run("MEDPAINT --help >/dev/full", tmp_path)
    assert (code, FULL in printed) == (1, True)


def test_a_scan_is_restored_while_all_streams_are_closed(tmp_path: Path) -> None:
    save_pair(tmp_path)
    line = "MEDPAINT restore scan.nii.gz --mask scan-mask.nii.gz --engine nearest >&- 2>&- <&-"
    assert run(line, tmp_path) == (0, "")
    assert main(["verify", str(tmp_path / "restored")]) == 0


UNCOVERED = "unset COVERAGE_PROCESS_START COVERAGE_PROCESS_CONFIG"
"""Where files may not grow, a process cannot write what it covered, and says so with a trace."""


LONG = "n" * 300


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (f"restore scan.nii.gz --detect --output {LONG}", 1, "File name too long"),
        (f"restore {LONG} --detect", 3, "File name too long"),
        (f"restore scan.nii.gz --mask {LONG}", 3, "File name too long"),
        (f"restore scan.nii.gz --detect --name {LONG}", 2, "a name of at most 128 letters"),
        (f"inspect {LONG}", 3, "File name too long"),
        (f"verify {LONG}", 1, "File name too long"),
        ("verify .", 3, "expected a record"),
        ("restore scan.nii.gz --detect --output /dev/full", 3, "expected a folder for the products"),
        ("restore scan.nii.gz --detect --output scan.nii.gz", 3, "expected a folder for the products"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    line: str,
    code: int,
    said: str,
) -> None:
    save_pair(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == code
    assert_one_line("".join(capfd.readouterr()), said)


def test_a_current_folder_that_is_gone_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["restore", ".", "--detect"]) == 1
    assert_one_line("".join(capfd.readouterr()), "current folder was deleted")


def test_a_file_that_may_not_grow_is_said_in_one_line(tmp_path: Path) -> None:
    save_pair(tmp_path)
    line = f"{UNCOVERED}; ulimit -f 1; MEDPAINT restore scan.nii.gz --detect --output small"
    code, printed = run(line, tmp_path)
    assert code == 1
    assert_one_line(printed, "File too large")
    assert not (tmp_path / "small").exists()


def test_no_folder_but_that_of_the_products_is_needed(tmp_path: Path) -> None:
    save(phantom(), tmp_path / "scan.nii.gz")
    line = "TMPDIR=/nowhere HOME=/nowhere MEDPAINT restore scan.nii.gz --detect --engine unet3d"
    code, printed = run(line, tmp_path)
    assert (code, "nothing" in printed, "Traceback" in printed) == (0, True, False)


def assert_one_line(printed: str, said: str) -> None:
    """Assert that a refusal is one line that says so, as the user sees it."""
    assert said in printed
    assert "[Errno" not in printed
    assert len(printed.splitlines()) == 1
