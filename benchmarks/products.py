"""Show whether two versions of medpaint make the same products.

    python benchmarks/products.py make OLD --source OLD_CHECKOUT/src --inputs INPUTS
    python benchmarks/products.py make NEW --inputs INPUTS
    python benchmarks/products.py compare OLD NEW --expect mask-header identifiers

`make` runs one version on a fixed set of small inputs, through the command line in separate processes, and writes
digests of everything that it made to `products.json` in its folder. `compare` prints which of them are equal,
and exits with 1 if anything else differs than expected. The inputs are made if they are missing, so both versions
get the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from product_cases import runs
from product_digests import digest, exit_facts, product_digests, record_facts, summary_facts
from product_inputs import write_cohort, write_volumes
from product_series import write_series

EXPECTATIONS: Final = ("mask-header", "identifiers", "record", "words")
"""Differences that can be expected: the header of masks, derived identifiers, what records say, printed text."""

RECORD: Final = "_record.json"


def main() -> int:
    """Make or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    making = commands.add_parser("make", help="run a version and write digests of its products")
    making.add_argument("folder", type=Path, help="folder to create; replaced if it exists")
    source = Path(__file__).resolve().parents[1] / "src"
    making.add_argument("--source", type=Path, default=source, help="folder src of a checkout; default: this one")
    making.add_argument("--inputs", type=Path, help="folder of the inputs; created if missing")
    making.add_argument("--only", default="", help="only the runs whose names contain this text")
    comparing = commands.add_parser("compare", help="compare the products of two versions")
    comparing.add_argument("folders", type=Path, nargs=2, help="folders from make")
    comparing.add_argument("--expect", nargs="+", choices=EXPECTATIONS, default=[], help="what may differ")
    parsed = parser.parse_args()
    if parsed.command == "make":
        make(parsed.folder.resolve(), parsed.source.resolve(), parsed.inputs, parsed.only)
        return 0
    old, new = (json.loads((folder / "products.json").read_text(encoding="utf-8")) for folder in parsed.folders)
    return compare(old, new, parsed.expect)


def make(folder: Path, source: Path, inputs: Path | None, only: str = "") -> None:
    """Run a version on all inputs, and write the digests of its products.

    Args:
        folder: where to work; replaced where it exists.
        source: folder with the package.
        inputs: folder of the inputs, created if missing; None: make them within `folder`.
        only: text that a run's name has to contain.
    """
    started = time.perf_counter()
    _empty(folder)
    kept = inputs or folder / "inputs"
    if not kept.exists():
        write_inputs(kept)
    for name in ("volumes", "series", "cohort"):
        shutil.copytree(kept / name, folder / name)
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    _check_source(source, folder, environment)
    found: dict[str, Any] = {}
    for name, words in runs():
        if only in name:
            print(name, file=sys.stderr)
            found |= run(name, words, folder, environment)
            (folder / "products.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} runs in {time.perf_counter() - started:.0f} s")


def write_inputs(folder: Path) -> None:
    """Write all inputs into a folder, completely or not at all."""
    part = folder.with_name(f"{folder.name}.part")
    _empty(part)
    for name in ("volumes", "series"):
        (part / name).mkdir()
    write_volumes(part / "volumes")
    write_series(part / "series")
    write_cohort(part / "cohort", part / "volumes")
    part.rename(folder)


def _empty(folder: Path) -> None:
    """Make a folder, or replace one that this script made.

    Raises:
        SystemExit: the folder contains other files.
    """
    own = {"volumes", "series", "cohort", "inputs", "runs", "products.json"}
    if folder.exists():
        others = sorted({path.name for path in folder.iterdir()} - own)
        if others:
            message = f"{folder}: expected a new folder or one of an earlier run, found {others[0]} in it"
            raise SystemExit(message)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _check_source(source: Path, folder: Path, environment: dict[str, str]) -> None:
    """Check that the package which will run is the one in `source`.

    Raises:
        SystemExit: it is another one.
    """
    words = [sys.executable, "-c", "import medpaint; print(medpaint.__file__)"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    if not Path(done.stdout.strip()).resolve().is_relative_to(source):
        message = f"expected the package in {source}, got {done.stdout.strip()}"
        raise SystemExit(message)


def run(name: str, words: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run a command in a separate process, and return the digests of what it made.

    Returns:
        For the run, and for each scan of a cohort, its ``digests`` by what they are of, and ``facts``: what
        those of output and record were taken of.
    """
    command = [sys.executable, "-m", "medpaint", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    ended, printed = exit_facts(done.returncode, done.stdout)
    facts: dict[str, Any] = {"exit": ended, "words": printed}
    outputs = folder / ("cohort/results" if name == "cohort" else f"runs/{name}")
    if (outputs / "summary.tsv").exists():
        facts["summary"] = summary_facts(outputs / "summary.tsv")
    found = {name: {"digests": {kind: digest(fact) for kind, fact in facts.items()}, "facts": facts}}
    for record in sorted(outputs.rglob(f"*{RECORD}")):
        made = _products(record)
        scan = record.parent.relative_to(outputs).as_posix()
        own = found.setdefault(name if scan == "." else f"{name} {scan}", {"digests": {}, "facts": {}})
        own["digests"] |= made["digests"]
        own["facts"] |= made["facts"]
    return found


def _products(record: Path) -> dict[str, Any]:
    """Return the digests of a record and of the products next to it."""
    facts = record_facts(record)
    stem = record.name.removesuffix(RECORD)
    digests = {"record": digest(facts)}
    for path in sorted(record.parent.glob(f"{stem}_*")):
        if path != record:
            product = path.name.removeprefix(f"{stem}_")
            digests |= {f"{product} {kind}": value for kind, value in product_digests(path).items()}
    return {"digests": {**digests, "name": digest(stem)}, "facts": {"record": facts}}


def compare(old: dict[str, Any], new: dict[str, Any], expected: list[str]) -> int:
    """Print what two versions made, and return 1 if something differs that is not expected to, otherwise 0."""
    print("| run | equal | differ as expected | differ |\n|---|---|---|---|")
    details: list[str] = []
    total = {"equal": 0, "expected": 0, "unexpected": 0}
    for name in dict.fromkeys([*old, *new]):
        one, other = (version.get(name, {"digests": {}, "facts": {}}) for version in (old, new))
        sorts = _sorted(one["digests"], other["digests"], expected)
        print(f"| {name} | {' | '.join(', '.join(kinds) for kinds in sorts.values())} |")
        total = {sort: count + len(sorts[sort]) for sort, count in total.items()}
        for kind in (*sorts["expected"], *sorts["unexpected"]):
            if kind in one["facts"] or kind in other["facts"]:
                values = (json.dumps(version["facts"].get(kind)) for version in (one, other))
                details += [f"{name}, {kind}:", *(f"  {value}" for value in values)]
    print("\n" + ", ".join(f"{count} {sort}" for sort, count in total.items()))
    print("\n".join(["", *details]) if details else "")
    return int(total["unexpected"] > 0)


def _sorted(old: dict[str, str], new: dict[str, str], expected: list[str]) -> dict[str, list[str]]:
    """Return the names of digests that are equal, that differ as expected, and that differ otherwise.

    That a file differs is expected where a part of it does, and all its parts that differ are expected to.
    """
    names = list(dict.fromkeys([*old, *new]))
    equal = [name for name in names if old.get(name) == new.get(name)]
    different = [name for name in names if name not in equal]
    allowed = {name for name in different if name in old and name in new and _kind(name) in expected}
    for name in different:
        product, _, kind = name.rpartition(" ")
        parts = [one for one in different if one.rpartition(" ")[0] == product and one != name]
        if kind == "file" and parts and allowed.issuperset(parts):
            allowed.add(name)
    unexpected = [name for name in different if name not in allowed]
    return {"equal": equal, "expected": [name for name in different if name in allowed], "unexpected": unexpected}


def _kind(name: str) -> str:
    """Return what has to be expected for a digest to differ."""
    product, _, kind = name.rpartition(" ")
    return "mask-header" if product.startswith("mask.nii") and kind == "header" else kind


if __name__ == "__main__":
    sys.exit(main())
