"""`medpaint run` in a terminal, under the job control of a shell."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from scans import save

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed"),
]


class Terminal:
    """An interactive bash in a pseudoterminal."""

    def __init__(self) -> None:
        self.shown = ""
        self.shell, self._end = pty.fork()
        if self.shell == 0:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)  # whatever started the tests
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])  # noqa: S606

    def type(self, text: str) -> None:
        """Type what the shell, or who runs in it, gets."""
        os.write(self._end, text.encode())

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Return the match of a pattern in what is shown from now on."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < end, f"expected {pattern!r}, the terminal shows {self.shown[-2000:]!r}"
            self._read()
        self.shown = self.shown[found.end() :]
        return found.group(0)

    def _read(self) -> None:
        if select.select([self._end], [], [], 0.1)[0]:
            with suppress(OSError):
                self.shown += os.read(self._end, 2**16).decode(errors="replace")

    def jobs(self) -> list[psutil.Process]:
        """Return the processes that the shell has started, and those that they have."""
        return [one for one in psutil.Process(self.shell).children(recursive=True) if one.is_running()]

    def close(self) -> None:
        for one in self.jobs():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        os.kill(self.shell, signal.SIGKILL)
        os.waitpid(self.shell, 0)
        os.close(self._end)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    one = Terminal()
    yield one
    one.close()


@pytest.fixture
def cohort(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a cohort of one hole, whose edge is given in voxels; the fill of a large one takes many seconds."""
    edge: int = getattr(request, "param", 48)
    noise = np.random.default_rng(0).normal(1000, 100, (edge + 24,) * 3).astype(np.int16)
    mask = np.zeros(noise.shape, bool)
    mask[12:-12, 12:-12, 12:-12] = True
    save(noise, tmp_path / "a.nii")
    save(mask, tmp_path / "m.nii")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scans.tsv").write_text("scan\timage\tmask\na\ta.nii\tm.nii\n")
    settings = {"restore": {"engine": "exemplar", "max_fraction": 1.0}}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


SMALL_HOLE = pytest.mark.parametrize("cohort", [20], indirect=True)
"""For a run that goes on to its end: it is paused while its fill imports what it needs."""


def wait_until(reached: Callable[[], bool]) -> None:
    """Wait until something is so, a minute at most."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def states(terminal: Terminal) -> set[str]:
    """Return the states of the run and its jobs."""
    found = set()
    for one in terminal.jobs():
        with suppress(psutil.NoSuchProcess):
            found.add(one.status())
    return found - {psutil.STATUS_ZOMBIE}


def used_s(terminal: Terminal) -> float:
    """Return the processor time that the run and its jobs have used."""
    return sum(sum(one.cpu_times()[:2]) for one in terminal.jobs())


def is_filling(terminal: Terminal) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any("inpaint" in one.cmdline() for one in terminal.jobs())
    return False


def start(terminal: Terminal, cohort: Path) -> None:
    """Start a run, and wait until it fills."""
    terminal.type(f"{sys.executable} -m medpaint run --directory '{cohort}' -c1\n")
    wait_until(lambda: is_filling(terminal))


@SMALL_HOLE
def test_a_run_is_paused_by_ctrl_z_and_goes_on_by_fg(terminal: Terminal, cohort: Path) -> None:
    start(terminal, cohort)
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    wait_until(lambda: states(terminal) == {psutil.STATUS_STOPPED})
    assert len(terminal.jobs()) >= 3
    used = used_s(terminal)
    time.sleep(1.0)
    assert used_s(terminal) == used
    terminal.type("fg; echo ended with $?.\n")
    wait_until(lambda: psutil.STATUS_STOPPED not in states(terminal))
    assert terminal.wait_for(r"ended with \d+\.", 300) == "ended with 0."
    assert (cohort / "results" / "restored" / "a" / "a_record.json").exists()


@SMALL_HOLE
def test_a_run_goes_on_in_the_background(terminal: Terminal, cohort: Path) -> None:
    start(terminal, cohort)
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    terminal.type("bg; wait; echo ended with $?.\n")
    assert terminal.wait_for(r"ended with \d+\.", 300) == "ended with 0."


def test_a_run_that_was_paused_twice_ends_by_ctrl_c(terminal: Terminal, cohort: Path) -> None:
    start(terminal, cohort)
    for _ in range(2):
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        terminal.type("fg\n")
        wait_until(lambda: psutil.STATUS_STOPPED not in states(terminal))
    jobs = terminal.jobs()
    terminal.type("\x03")
    terminal.wait_for("the run was ended by SIGINT; run again to go on")
    terminal.type("echo ended with $?.\n")
    assert terminal.wait_for(r"ended with \d+\.") == "ended with 130."
    assert not [one for one in jobs if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_paused_run_ends_by_kill(terminal: Terminal, cohort: Path) -> None:
    start(terminal, cohort)
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    jobs = terminal.jobs()
    terminal.type("kill %1\n")
    terminal.wait_for("the run was ended by SIGTERM; run again to go on")
    wait_until(lambda: not [one for one in jobs if one.is_running() and one.status() != psutil.STATUS_ZOMBIE])
