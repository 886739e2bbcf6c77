"""Kill medpaint at random moments, and check that the next run ends with the bytes of an undisturbed one.

    python benchmarks/kills.py restore FOLDER --moments 30
    python benchmarks/kills.py run FOLDER --moments 30

`restore` takes one restoration of each format from the runs of benchmarks/products.py, and one by `exemplar`. It
kills each at `--moments` moments of its time, after its imports, and checks what lies there then: nothing, or all
products with a record. Then it runs the same command again, which has to succeed without `--overwrite`. `run` does
the same to a cohort with a DICOM series and `exemplar` in it, and kills Snakemake and all its jobs. Both print a
table and exit with 1 if anything came out otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
from product_cases import runs
from product_digests import digest, product_digests, record_facts, summary_facts
from products import RECORD, write_inputs

RESTORED: Final = (
    "format-scaled", "format-scaled-gzip", "format-nifti-2", "format-frame", "format-2d", "format-nrrd",
    "format-nhdr", "format-mha", "format-mhd", "dicom", "dicom-zip", "dicom-jpeg-2000", "to-jpeg-ls",
    "deidentified", "enhanced", "mosaic", "absent", "exemplar-large",
)  # fmt: skip
"""Runs of benchmarks/products.py to kill: every format, every kind of DICOM series, and exemplar."""

ADDED: Final = "e-series\tscans/series\tscans/series-mask.nii.gz\texemplar\n"
"""A row for the cohort: a DICOM series, filled by exemplar."""

FINISHED: Final = {"restore": {0}, "run": {4}}
"""Exit codes of a command that was left alone; one scan of the cohort fails by design."""


def main() -> int:
    """Kill restorations or runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=FINISHED, help="what to kill")
    parser.add_argument("folder", type=Path, help="folder to create, or one of an earlier call")
    parser.add_argument("--moments", type=int, default=30, help="kills of each command (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments (default: 0)")
    parser.add_argument("--only", default="", help="only the restorations whose names contain this text")
    parsed = parser.parse_args()
    folder = parsed.folder.resolve()
    if not (folder / "inputs").exists():
        write_inputs(folder / "inputs")
    draw = random.Random(parsed.seed)  # noqa: S311 - moments, not secrets
    print("| command | seconds | kills | outcomes |\n|---|---|---|---|")
    attack = _attack_restorations if parsed.command == "restore" else _attack_run
    outcomes: Counter[str] = Counter()
    for name, seconds, found in attack(folder, parsed.moments, draw, parsed.only):
        print(f"| {name} | {seconds:.1f} | {found.total()} | {_counts(found)} |", flush=True)
        outcomes += found
    wrong = sum(number for outcome, number in outcomes.items() if outcome.startswith("WRONG"))
    print(f"\n{outcomes.total()} kills: {_counts(outcomes)}")
    return int(wrong > 0)


def _counts(outcomes: Counter[str]) -> str:
    """Return counts as text."""
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))


def _attack_restorations(
    folder: Path, moments: int, draw: random.Random, only: str
) -> Iterator[tuple[str, float, Counter[str]]]:
    """Yield for each restoration its name, its time and the outcomes of the kills."""
    for name, words in runs():
        if name not in RESTORED or only not in name:
            continue
        output = folder / "inputs" / "runs" / name
        outcomes: Counter[str] = Counter()
        shutil.rmtree(output, ignore_errors=True)
        _finished("restore", words, folder / "inputs")  # the first call also warms the caches of the disk
        expected = _state(output)
        shutil.rmtree(output)
        seconds = _finished("restore", words, folder / "inputs")
        for _ in range(moments):
            shutil.rmtree(output)
            _kill(words, folder / "inputs", draw.uniform(0.4, 1.0) * seconds)
            outcomes[_after_restore(words, folder / "inputs", output, expected)] += 1
        shutil.rmtree(output)
        yield name, seconds, outcomes


def _after_restore(words: list[str], folder: Path, output: Path, expected: dict[str, str]) -> str:
    """Return what a kill left, and whether the same command then ends with the expected products."""
    left = "nothing left"
    if any(output.glob(f"*{RECORD}")) if output.exists() else False:
        return "finished" if _state(output) == expected else "WRONG: a record beside other products"
    if output.exists() and any(output.iterdir()):
        left = "unfinished left"
    try:
        _finished("restore", words, folder)
    except RuntimeError as error:
        return f"WRONG: {left}, then {error}"
    return f"{left}, mended" if _state(output) == expected else f"WRONG: {left}, then other bytes"


def _attack_run(
    folder: Path, moments: int, draw: random.Random, _only: str
) -> Iterator[tuple[str, float, Counter[str]]]:
    """Yield for the cohort its name, its time and the outcomes of the kills."""
    undisturbed = _cohort(folder, "undisturbed")
    words = ["run", "--directory", str(undisturbed), "--cores", "2"]
    seconds = _finished("run", words, folder)
    expected = _state(undisturbed / "results")
    outcomes: Counter[str] = Counter()
    for _ in range(moments):
        disturbed = _cohort(folder, "disturbed")
        words[2] = str(disturbed)
        _kill(words, folder, draw.uniform(0.15, 1.0) * seconds)
        outcomes[_after_run(words, folder, disturbed, expected)] += 1
    yield "run", seconds, outcomes


def _after_run(words: list[str], folder: Path, cohort: Path, expected: dict[str, str]) -> str:
    """Return whether the run goes on after a kill, and ends with the expected products."""
    left = "killed with the summary written" if (cohort / "results" / "summary.tsv").exists() else "killed"
    unlocked = ""
    locks = cohort / ".snakemake" / "locks"
    if locks.exists() and any(locks.iterdir()):
        unlocked = ", unlocked"
        _spawn([*words, "--unlock"], folder).wait()
    try:
        _finished("run", words, folder)
    except RuntimeError as error:
        return f"WRONG: {left}{unlocked}, then {error}"
    return (
        f"{left}{unlocked}, went on" if _state(cohort / "results") == expected else f"WRONG: {left}, other bytes"
    )


def _cohort(folder: Path, name: str) -> Path:
    """Return a fresh copy of the cohort, with a DICOM series in it."""
    cohort, inputs = folder / name, folder / "inputs"
    shutil.rmtree(cohort, ignore_errors=True)
    shutil.copytree(inputs / "cohort", cohort)
    shutil.copytree(inputs / "series" / "ct", cohort / "scans" / "series")
    shutil.copy(inputs / "series" / "ct-mask.nii.gz", cohort / "scans" / "series-mask.nii.gz")
    with (cohort / "config" / "scans.tsv").open("a", encoding="utf-8") as table:
        table.write(ADDED)
    return cohort


def _spawn(words: list[str], folder: Path) -> psutil.Popen:
    """Start medpaint, without its output."""
    command = [sys.executable, "-m", "medpaint", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    return psutil.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)


def _finished(command: str, words: list[str], folder: Path) -> float:
    """Run a command to its end and return its time in seconds.

    Raises:
        RuntimeError: it failed.
    """
    started = time.monotonic()
    code = _spawn(words, folder).wait()
    if code not in FINISHED[command]:
        message = f"exit code {code}"
        raise RuntimeError(message)
    return time.monotonic() - started


def _kill(words: list[str], folder: Path, seconds: float) -> None:
    """Start a command, and kill it with all its processes after some seconds."""
    process = _spawn(words, folder)
    time.sleep(seconds)
    family = [*process.children(recursive=True), process] if process.is_running() else []
    for one in family:
        try:
            os.kill(one.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    psutil.wait_procs(family, timeout=30)


def _state(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder; of records and tables without what differs from run to run."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] in {"logs", "benchmarks"} or path.is_dir():
            continue
        if name.endswith(RECORD):
            found[name] = digest(record_facts(path))
        elif name == "summary.tsv":
            found[name] = digest(summary_facts(path))
        else:
            found[name] = product_digests(path)["file"]
    return found


if __name__ == "__main__":
    sys.exit(main())
