"""Work in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scans import save_pair

SCRIPT = """
import ctypes, os, signal, sys, time
from medpaint.cohort.apart import Crashed, TimedOut, done_apart
works = {
    "done": lambda: print("hello") or 3,
    "crash": lambda: os.abort(),
    "hang": lambda: time.sleep(60) or 0,
    "slow": lambda: print("begun", flush=True) or time.sleep(1) or 0,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL) or 0,
}
try:
    print("code", done_apart(works[sys.argv[1]], float(sys.argv[2])))
except (Crashed, TimedOut) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("work", "outcome"),
    [("done", "hello\ncode 3"), ("crash", "Crashed SIGABRT"), ("hang", "TimedOut"), ("killed", "code 137")],
)
def test_the_outcome_of_work_apart_is_told(work: str, outcome: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, work, "1.0"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == outcome


def test_paused_time_does_not_count() -> None:
    command = [sys.executable, "-c", SCRIPT, "slow", "3.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "begun\n"
        os.killpg(run.pid, signal.SIGSTOP)
        time.sleep(4.0)
        os.killpg(run.pid, signal.SIGCONT)
        assert run.stdout.read().strip() == "code 0"


def ingest(folder: Path, *flags: str) -> dict[str, str]:
    """Read the phantom in the folder by the command, and return what it prints."""
    command = [sys.executable, "-m", "medpaint", "ingest", *flags, f"--output={folder / 'case.npz'}", "--json"]
    done = subprocess.run([*command, "--", "scan.nii.gz"], cwd=folder, capture_output=True, text=True, check=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def test_a_scan_is_read_within_its_time_or_fails(tmp_path: Path) -> None:
    save_pair(tmp_path)
    assert ingest(tmp_path, "--mask=scan-mask.nii.gz", "--timeout-s=100")["status"] == "ingested"
    late = ingest(tmp_path, "--mask=scan-mask.nii.gz", "--timeout-s=0.001")
    assert late["status"] == "failed"
    assert "took more than 0.001 s: allow more with ingest_timeout_s" in late["reason"]
    assert (tmp_path / "case.npz").exists()
    assert not list(tmp_path.glob(".part.*"))
