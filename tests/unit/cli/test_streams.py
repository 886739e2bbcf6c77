"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scans import save_pair

FULL = "No space left on device"


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
        ("MEDPAINT engines 2>&1 | head -0", 1, ""),
        ("MEDPAINT engines >&-", 0, ""),
        ("MEDPAINT engines >/dev/full", 1, FULL),
        ("MEDPAINT engines --json >/dev/full", 1, FULL),
        ("MEDPAINT engines --json >/dev/full 2>/dev/full", 1, ""),
        ("MEDPAINT --help >&-", 0, ""),
        ("MEDPAINT inspect nowhere --json >/dev/full", 3, "no such path"),
        ("MEDPAINT inspect nowhere 2>&-", 3, ""),
        ("MEDPAINT inspect nowhere 2>/dev/full", 3, ""),
        ("MEDPAINT inspect nowhere 2>&1 | head -0", 3, ""),
        ("MEDPAINT inspect 2>/dev/full", 2, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_traceback(
    tmp_path: Path, line: str, code: int, said: str, mode: str
) -> None:
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
    assert run("MEDPAINT verify restored >/dev/null", tmp_path) == (0, "")


UNCOVERED = "unset COVERAGE_PROCESS_START COVERAGE_PROCESS_CONFIG"
"""Where files may not grow, a process cannot write what it covered, and says so with a trace."""


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("MEDPAINT restore scan.nii.gz --detect --output {long}", 1, "File name too long"),
        ("MEDPAINT restore {long} --detect", 3, "File name too long"),
        ("MEDPAINT restore scan.nii.gz --mask {long}", 3, "File name too long"),
        ("MEDPAINT restore scan.nii.gz --detect --name {long}", 2, "a name of at most 128 letters"),
        ("MEDPAINT inspect {long}", 3, "File name too long"),
        ("MEDPAINT verify {long}", 1, "File name too long"),
        ("mkdir gone && cd gone && rmdir ../gone && MEDPAINT restore . --detect", 1, "current folder was deleted"),
        ("mkdir empty && cd empty && MEDPAINT verify .", 3, "expected a record"),
        ("{uncovered}; ulimit -f 1; MEDPAINT restore scan.nii.gz --detect --output small", 1, "File too large"),
        ("MEDPAINT restore scan.nii.gz --detect --output /dev/full", 3, "expected a folder for the products"),
        ("MEDPAINT restore scan.nii.gz --detect --output scan.nii.gz", 3, "expected a folder for the products"),
        ("TMPDIR=/nowhere HOME=/nowhere MEDPAINT restore scan.nii.gz --detect --engine unet3d", 0, "nothing"),
    ],
)
def test_what_the_system_refuses_is_one_line(tmp_path: Path, line: str, code: int, said: str) -> None:
    save_pair(tmp_path)
    found, printed = run(line.replace("{long}", "n" * 300).replace("{uncovered}", UNCOVERED), tmp_path)
    assert found == code
    assert said in printed
    assert "Traceback" not in printed
    assert "[Errno" not in printed
    assert code == 0 or len(printed.splitlines()) == 1
    assert not (tmp_path / "small").exists()
