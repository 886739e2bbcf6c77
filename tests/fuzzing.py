"""Damaged files of every sort, read again and again: each is read, or refused in a sentence.

`outcomes` reads them in a process of its own, which may crash, hang or run out of memory; this file is its
program.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from fuzzed import KINDS, Specimen

MEMORY: Final = 2_000_000_000
PATIENCE_S: Final = 60.0

EXTREMES: Final = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80", b"\0\0\xc0\x7f")
NUMBERS: Final = (b"0", b"-1", b"3", b"65536", b"2147483648", b"99999999999999999999", b"1e400", b"nan", b"")
HEAD: Final = 1400

ALLOWED: Final = {
    *("read", "UnreadableError", "UnsupportedError", "GeometryError", "AmbiguousError", "MaskError", "InputError"),
    *("decoder ended",),
}
"""What may come of a damaged file; anything else is a fault of the program."""


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    """Return content that was cut, overwritten in places, or whose parts or numbers were changed."""
    change = CHANGES[int(rng.integers(len(CHANGES)))]
    return change(content, rng) if len(content) > 16 else content[:-1]


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _head(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for at in rng.integers(0, min(len(content), HEAD), rng.integers(1, 12)):
        data[at] = rng.integers(256)
    return bytes(data)


def _anywhere(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for at in rng.integers(0, len(content), rng.integers(1, 12)):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _extreme(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(min(len(content), HEAD) - 8))
    return content[:at] + EXTREMES[int(rng.integers(len(EXTREMES)))] + content[at + 4 :]


def _without(content: bytes, rng: np.random.Generator) -> bytes:
    first, second = np.sort(rng.integers(0, min(len(content), HEAD), 2))
    return content[:first] + content[second:]


def _twice(content: bytes, rng: np.random.Generator) -> bytes:
    first, second = np.sort(rng.integers(0, min(len(content), HEAD), 2))
    return content[:second] + content[first:]


def _number(content: bytes, rng: np.random.Generator) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content[:HEAD]))
    if not found:
        return _head(content, rng)
    one = found[int(rng.integers(len(found)))]
    return content[: one.start()] + NUMBERS[int(rng.integers(len(NUMBERS)))] + content[one.end() :]


CHANGES: Final = (_cut, _head, _anywhere, _extreme, _without, _twice, _number)


@dataclass(frozen=True)
class Tally:
    """What came of the files: how often each outcome, examples of those not allowed, and memory in bytes."""

    counts: Counter[str]
    faults: tuple[str, ...]
    peak: int


def outcomes(kind: str, rounds: int, folder: Path, start: int = 0) -> Tally:
    """Spoil a file of a kind so many times and read it; return what came of it."""
    counts, faults, at, peak = Counter[str](), list[str](), start, 0
    while at < start + rounds:
        words = [sys.executable, __file__, kind, str(at), str(start + rounds), str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
        for line in done.stdout.splitlines():
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            counts[said["outcome"]] += 1
            peak, at = said["peak"], said["round"] + 1
            if said["outcome"] not in ALLOWED:
                faults.append(f"{kind} {said['round']}: {said['outcome']}: {said['message']}")
        if at < start + rounds:
            outcome = "over time" if done.returncode == -signal.SIGALRM else f"crash ({done.returncode})"
            counts[outcome] += 1
            faults.append(f"{kind} {at}: {outcome}: {done.stderr[-600:]}")
            at += 1
    return Tally(counts, tuple(faults), peak)


def main() -> None:
    """Spoil and read files; print a line for each."""
    from medpaint.io.dicom import quiet

    kind, first, last, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) / sys.argv[1]
    specimen: Specimen = KINDS[kind](folder)
    content = specimen.content()
    with quiet():
        specimen.look()  # what cannot be read when whole would test nothing
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in range(first, last):
        rng = np.random.default_rng([len(content), number])
        specimen.put(spoiled(content, rng))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
        with quiet():
            outcome, message = _outcome(specimen.look)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        peak = max(_own_peak(), 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        line: dict[str, Any] = {"round": number, "outcome": outcome, "message": message, "peak": peak}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _own_peak() -> int:
    """Return the most memory that this process held, in bytes, without that of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def _outcome(look: Callable[[], None]) -> tuple[str, str]:
    """Look at what was spoiled; return the outcome and the message of an error."""
    from medpaint.core.errors import InputError

    try:
        look()
    except InputError as error:
        if "it crashed" in str(error) or "took too much time" in str(error):
            return "decoder ended", str(error)
        if isinstance(error.__cause__, MemoryError):
            return "over memory", str(error)
        return type(error).__name__, str(error)
    except BaseException as error:  # noqa: BLE001 - this is what is looked for
        import traceback

        return f"not refused: {type(error).__name__}", traceback.format_exc()[-1500:]
    return "read", ""


if __name__ == "__main__":
    main()
