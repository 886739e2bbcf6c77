"""Time restorations by this version and an older one in turn, and write the result as a page.

    python benchmarks/speed.py --data DATA --against OLD_CHECKOUT --output docs/reference/speed.md

DATA has the scans that benchmarks/speed_cases.py names. Compared are CPU seconds of whole processes, so that other
work on the machine matters less; the two versions take turns, so that it matters to both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from speed_cases import CASES, QUICK, SERIES, SMALL, Case, write_inputs
from speed_others import Other, measured_others
from speed_page import Measured, page_of
from speed_runs import Pairs, Run, Version, difference, restored_by, run, run_again, voxel_mb, words_of

HERE: Final = Path(__file__).resolve().parents[1]

AGAIN: Final = 2
"""Further restorations in one process."""

OTHERS: Final = ("brain.nii.gz", "brain-15ml.nii.gz")
"""Scan and mask that other packages fill too."""


def main() -> None:
    """Measure, print, and write the page if requested."""
    arguments = _arguments()
    versions = Version.at("old", arguments.against), Version.at("new", arguments.new)
    described = versions[0].described(), versions[1].described()
    cases = QUICK if arguments.quick else CASES
    chosen = tuple(case for case in cases if arguments.only in case.name)
    if not chosen:
        message = f"expected part of the name of a case, among {', '.join(case.name for case in cases)}"
        raise SystemExit(message)
    chosen = tuple(dict.fromkeys((*SMALL, *chosen)))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(versions, 1 if arguments.quick else arguments.pairs, Path(folder))
        measured = bench.measured(described, arguments.data, chosen)
    page = page_of(measured)
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    old_or_new = "a source tree, or the python of an environment"
    parser.add_argument("--against", type=Path, required=True, help=f"the older version: {old_or_new}")
    parser.add_argument(
        "--new", type=Path, default=HERE, help=f"the newer version: {old_or_new}; default: this one"
    )
    parser.add_argument("--pairs", type=int, default=3, help="runs of each version")
    parser.add_argument(
        "--only", default="", help="only the cases whose names contain this text, and the small ones"
    )
    parser.add_argument("--quick", action="store_true", help="one pair of a few cases, to see that it works")
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    return parser.parse_args()


class Bench:
    """Two versions, and a folder for their inputs and products."""

    def __init__(self, versions: tuple[Version, Version], pairs: int, folder: Path) -> None:
        self.versions = versions
        self.pairs = pairs
        self.folder = folder

    def measured(self, described: tuple[str, str], data: Path, cases: tuple[Case, ...]) -> Measured:
        """Return the costs of the cases, of those in `SERIES` within one process too, and of other packages."""
        write_inputs(data, self.folder, cases)
        self._read_ahead(cases[0])
        nothing = Measured(described, self._pairs("--help"), {}, {}, {}, {}, {}, ())
        results = nothing
        for case in cases:
            results = self._with(results, case)
        again = {case: self._again(case) for case in SERIES if case in cases}
        return replace(results, again=again, others=self._others())

    def _read_ahead(self, case: Case) -> None:
        """Restore once with each version, so that the first run of a pair finds its files in the cache too."""
        for version in self.versions:
            run(version, words_of(case, self.folder, self._output(version, case)))

    def _with(self, results: Measured, case: Case) -> Measured:
        """Return the results with those of one more case."""
        pairs = self._pairs(case.name, case)
        old, new = (self._output(version, case) for version in self.versions)
        mask, large = self.folder / case.mask, case.file.startswith("large")
        size = {case: voxel_mb(self.folder / case.file)} if large else {}
        return replace(
            results,
            cases={**results.cases, case: pairs},
            filled_by={**results.filled_by, case: (restored_by(old), restored_by(new))},
            differences={**results.differences, case: difference(old, new, mask)},
            volumes_mb={**results.volumes_mb, **size},
        )

    def _pairs(self, name: str, case: Case | None = None) -> Pairs:
        """Return the runs of both versions in turn, of a case or of ``--help``."""
        runs: tuple[list[Run], list[Run]] = ([], [])
        for _ in range(self.pairs):
            for version, own in zip(self.versions, runs, strict=True):
                words = words_of(case, self.folder, self._output(version, case)) if case else ["--help"]
                own.append(run(version, words))
                print(f"{name}, {version.name}: {own[-1].cpu_s:.1f} CPU s", file=sys.stderr, flush=True)
        return Pairs(tuple(runs[0]), tuple(runs[1]))

    def _again(self, case: Case) -> tuple[list[tuple[Run, Run]], list[tuple[Run, Run]]]:
        """Return the first and the next restoration in one process, of both versions in turn."""
        runs: tuple[list[tuple[Run, Run]], list[tuple[Run, Run]]] = ([], [])
        for _ in range(self.pairs):
            for version, own in zip(self.versions, runs, strict=True):
                words = words_of(case, self.folder, self._output(version, case))
                own.append(run_again(version, words, AGAIN))
                costs = " then ".join(f"{one.cpu_s:.1f}" for one in own[-1])
                print(f"{case.name}, again, {version.name}: {costs} CPU s", file=sys.stderr, flush=True)
        return runs

    def _output(self, version: Version, case: Case) -> Path:
        """Return the folder of a case's products."""
        return self.folder / version.name / case.name

    def _others(self) -> list[Other]:
        """Return the costs of other packages, where their scan was needed by the cases."""
        scan, mask = (self.folder / name for name in OTHERS)
        return measured_others(scan, mask) if scan.exists() else []


if __name__ == "__main__":
    main()
