"""Versions of medpaint, and what their processes cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import nibabel as nib
import numpy as np
from speed_cases import Case

__all__ = ["Pairs", "Run", "Version", "difference", "restored_by", "run", "run_again", "voxel_mb", "words_of"]

WATCH: Final = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stderr[-2000:], used.ru_utime + used.ru_stime, wall, used.ru_maxrss]))
"""
"""Runs a command from a small process: a child's peak of memory starts at that of its parent."""

AGAIN: Final = """
import contextlib, io, json, resource, sys, time
from medpaint.cli.main import main

def cpu():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)

costs = []
for _ in range(int(sys.argv[1])):
    before = cpu() if costs else 0.0, time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(sys.argv[2:])
    if code:
        sys.exit(code)
    costs.append((cpu() - before[0], time.perf_counter() - before[1]))
print(json.dumps(costs))
"""
"""Runs the command line several times in one process; the first time includes its start."""

THREADS: Final = ("OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_")
"""Variables that are taken away, so that each version runs with its own defaults."""


@dataclass(frozen=True)
class Version:
    """A version of medpaint.

    Attributes:
        name: ``old`` or ``new``.
        python: the interpreter that has its dependencies.
        source: its folder src; None where it is installed.
    """

    name: str
    python: Path
    source: Path | None

    @classmethod
    def at(cls, name: str, where: Path) -> Version:
        """Return the version in a source tree, or the one that is installed for a python.

        Raises:
            SystemExit: neither is there.
        """
        if (where / "src" / "medpaint").is_dir():
            return cls(name, Path(sys.executable), (where / "src").resolve())
        if where.is_file():
            return cls(name, where.absolute(), None)
        message = f"expected a source tree with src/medpaint, or a python, got {where}"
        raise SystemExit(message)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it runs with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(THREADS)}
        kept.pop("PYTHONPATH", None)
        return kept if self.source is None else {**kept, "PYTHONPATH": str(self.source)}

    def described(self) -> str:
        """Return its version and the commit of its source tree, if it is one."""
        code = "import medpaint; print(medpaint.__version__, medpaint.__file__)"
        version, _, file = self._printed([str(self.python), "-c", code]).partition(" ")
        if self.source is not None and not Path(file).is_relative_to(self.source):
            message = f"expected the package in {self.source}, got {file}"
            raise SystemExit(message)
        commit = ["git", "-C", str(Path(file).parent), "rev-parse", "--short", "HEAD"]
        done = subprocess.run(commit, capture_output=True, text=True, check=False)
        return f"{version} ({done.stdout.strip()})" if done.returncode == 0 and self.source else version

    def _printed(self, words: Sequence[str]) -> str:
        """Return what a command prints."""
        return subprocess.run(
            words, env=self.environment, cwd="/", capture_output=True, text=True, check=True
        ).stdout.strip()


@dataclass(frozen=True)
class Run:
    """What a process cost.

    Attributes:
        cpu_s: user and system time of the process and its children.
        wall_s: from its start to its end.
        peak_mb: its peak resident memory, in MB of a million bytes; NaN if not measured.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float = float("nan")


@dataclass(frozen=True)
class Pairs:
    """Runs of two versions in turn, of the same number.

    Attributes:
        old: of the older version.
        new: of the newer one.
    """

    old: tuple[Run, ...]
    new: tuple[Run, ...]

    def medians(self, field: str) -> tuple[float, float]:
        """Return the medians of one of the costs, old and new."""
        old, new = (median(getattr(one, field) for one in runs) for runs in (self.old, self.new))
        return old, new

    def ratios(self, field: str) -> tuple[float, float, float]:
        """Return the median, the least and the largest of the ratios new / old, pair by pair."""
        ratios = [getattr(new, field) / getattr(old, field) for old, new in zip(self.old, self.new, strict=True)]
        return median(ratios), min(ratios), max(ratios)


def words_of(case: Case, inputs: Path, output: Path) -> list[str]:
    """Return the words of a restoration after ``medpaint``."""
    words = ["restore", str(inputs / case.file), "--mask", str(inputs / case.mask)]
    return [*words, "--output", str(output), "--overwrite", "--engine", case.engine]


def run(version: Version, words: Iterable[str]) -> Run:
    """Return what `medpaint` with some words costs as a process.

    Raises:
        SystemExit: it failed.
    """
    command = [str(version.python), "-m", "medpaint", *words]
    code, errors, cpu_s, wall_s, peak = _json([sys.executable, "-I", "-c", WATCH, *command], version)
    if code:
        message = f"{version.name}: {' '.join(command)} ended with {code}: {errors}"
        raise SystemExit(message)
    return Run(cpu_s, wall_s, peak * (1e-6 if sys.platform == "darwin" else 1.024e-3))


def run_again(version: Version, words: Sequence[str], times: int) -> tuple[Run, Run]:
    """Return the cost of the first restoration in a process, its start included, and the median of the next."""
    first, *following = _json([str(version.python), "-c", AGAIN, str(times + 1), *words], version)
    return Run(*first), Run(*(median(one[number] for one in following) for number in (0, 1)))


def _json(words: Sequence[str], version: Version) -> Any:  # noqa: ANN401 - what a process printed
    """Return what a command prints as JSON.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(words, env=version.environment, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{version.name}: {' '.join(words[-8:])} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise SystemExit(message)
    return json.loads(done.stdout.strip().splitlines()[-1])


def restored_by(folder: Path) -> str:
    """Return what filled the hole of a product, from its record, the largest part first."""
    record = json.loads(next(folder.glob("*_record.json")).read_text(encoding="utf-8"))
    filled: dict[str, int] = record["inpaint"]["filled_by"]
    return ", ".join(sorted(filled, key=lambda name: -filled[name]))


def difference(old: Path, new: Path, mask: Path) -> float:
    """Return the largest difference of two products in the mask, as a share of the range of the scan.

    The range is that from the 1st to the 99th percentile of the voxels outside the mask that are above the least.

    Raises:
        SystemExit: they differ outside the mask.
    """
    one, other = (_values(next(folder.glob("*_restored.nii*"))) for folder in (old, new))
    hole = _values(mask) != 0
    if not np.array_equal(one[~hole], other[~hole]):
        message = f"{old} and {new} differ outside the mask"
        raise SystemExit(message)
    outside = one[~hole]
    low, high = np.percentile(outside[outside > outside.min()], [1.0, 99.0])
    apart = np.abs(one[hole].astype(float) - other[hole].astype(float))
    return float(apart.max()) / float(high - low)


def voxel_mb(path: Path) -> float:
    """Return the size of a scan's stored values in memory, in MB of a million bytes."""
    return float(_values(path).nbytes) / 1e6


def _values(path: Path) -> Any:  # noqa: ANN401 - an array of any type
    """Return the stored values of a NIfTI file, (I, J, K)."""
    image: Any = nib.load(path)
    return np.asanyarray(image.dataobj)
