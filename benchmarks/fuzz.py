"""Read damaged files of every kind, many more than the tests do, and print what came of them.

python benchmarks/fuzz.py [--rounds 2000] [--first 0] [KIND ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fuzzed import KINDS
from fuzzing import outcomes


def main() -> int:
    """Print a line for each kind, and the faults; return 1 if there were any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default: all of {', '.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=2000, help="damaged files of each kind (default: 2000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first, which decides the damage")
    parsed = parser.parse_args()
    faults = 0
    for kind in parsed.kinds or KINDS:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = outcomes(kind, parsed.rounds, Path(folder), parsed.first)
        counts = ", ".join(f"{outcome} {count}" for outcome, count in found.counts.most_common())
        print(f"{kind:<20} {time.monotonic() - started:4.0f} s {found.peak >> 20:4} MB  {counts}", flush=True)
        for fault in found.faults:
            print(f"  {fault}", flush=True)
        faults += len(found.faults)
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
