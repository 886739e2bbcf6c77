"""Time restorations by the size of the hole and by the size of the scan, whole process and in one process.

    OMP_NUM_THREADS=2 python benchmarks/speed.py --brain SCAN.nii.gz --output docs/reference/speed.md

SCAN is a T1w brain at 1 mm. The large scans are made from it by repetition, so that nothing else is needed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import nibabel as nib
import numpy as np

from medpaint.core.types import Array, Mask
from medpaint.corrupt import lesion_blob
from medpaint.engines.choice import Effort
from medpaint.io.reading import read_scan
from medpaint.pipeline.restore import restore

EFFORTS: Final[tuple[Effort, ...]] = ("fast", "best")
HOLES_ML: Final = (0.5, 2.0, 8.0, 15.0, 40.0)
SMALL_ML: Final = 1.0
SHAPES: Final = ((160, 200, 150), (256, 256, 256), (512, 512, 200), (512, 512, 400))


@dataclass(frozen=True)
class Timing:
    """What one restoration cost.

    Attributes:
        process_s: from entering the command to the next prompt.
        peak_gb: peak resident memory of that process.
        next_s: the same restoration within a process that has done one before, reading and writing included.
        engine: what filled the hole.
    """

    process_s: float
    peak_gb: float
    next_s: float
    engine: str


def main() -> None:
    """Measure and print, and write the page if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brain", type=Path, required=True, help="T1w brain at 1 mm")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    arguments = parser.parse_args()
    volume, _ = read_scan(arguments.brain)
    data = np.asarray(volume.data)
    with tempfile.TemporaryDirectory() as folder:
        by_hole = {
            (ml, effort): timed(data, hole(data, ml), Path(folder), arguments, effort)
            for effort in EFFORTS
            for ml in HOLES_ML
        }
        by_scan = {}
        for shape in SHAPES:
            scan = repeated(data, shape)
            by_scan[shape] = timed(
                scan, hole(scan[: data.shape[0]], SMALL_ML, scan.shape), Path(folder), arguments
            )
    page = page_of(by_hole, by_scan, arguments)
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


def hole(data: Array, ml: float, shape: tuple[int, ...] | None = None) -> Mask:
    """Return a hole of a size in the tissue of a brain, on a grid of `shape`, that of the brain by default."""
    brain = data[:, :200, :150] > np.percentile(data, 60.0)
    small = lesion_blob(brain, (1.0, 1.0, 1.0), volume_ml=ml, seed=1)
    mask = np.zeros(shape or data.shape, dtype=bool)
    mask[tuple(slice(0, size) for size in small.shape)] = small
    return mask


def repeated(data: Array, shape: tuple[int, int, int]) -> Array:
    """Return a scan of a larger shape, the brain repeated."""
    times = [-(-size // own) for size, own in zip(shape, data.shape, strict=True)]
    return np.tile(data, times)[tuple(slice(0, size) for size in shape)]


def timed(data: Array, mask: Mask, folder: Path, arguments: argparse.Namespace, effort: Effort = "fast") -> Timing:
    """Return the medians of several restorations of one scan."""
    scan, hidden = folder / "scan.nii.gz", folder / "mask.nii.gz"
    nib.Nifti1Image(data, np.eye(4)).to_filename(scan)  # type: ignore[no-untyped-call]
    nib.Nifti1Image(mask.astype(np.uint8), np.eye(4)).to_filename(hidden)  # type: ignore[no-untyped-call]
    whole, peaks, following = [], [], []
    for _ in range(arguments.runs):
        seconds, peak = process(scan, hidden, folder / "restored", arguments.engine, effort)
        whole.append(seconds)
        peaks.append(peak)
    engine = ""
    for _ in range(arguments.runs + 1):
        started = time.perf_counter()
        done = restore(
            scan,
            hidden,
            output=folder / "restored",
            overwrite=True,
            engine=arguments.engine,
            effort=effort,
        )
        following.append(time.perf_counter() - started)
        engine = done.record.inpaint.engine if done.record.inpaint else ""
    return Timing(median(whole), median(peaks), median(following[1:]), engine)


def process(scan: Path, mask: Path, output: Path, engine: str, effort: Effort) -> tuple[float, float]:
    """Return the seconds and the peak memory, GB, of `medpaint restore`."""
    code = (
        "import resource, subprocess, sys;"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    words = [sys.executable, "-m", "medpaint", "restore", str(scan), "--mask", str(mask)]
    words += ["--output", str(output), "--overwrite", "--engine", engine, "--effort", effort]
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
    scale = 1e9 if sys.platform == "darwin" else 1e6
    return time.perf_counter() - started, float(done.stdout) / scale


def page_of(
    by_hole: dict[tuple[float, Effort], Timing],
    by_scan: dict[tuple[int, int, int], Timing],
    arguments: argparse.Namespace,
) -> str:
    """Return the page."""
    head = "engine | whole process, s | peak memory, GB | next scan, s |"
    holes = [f"| hole, ml | effort | {head}", "|---" * 6 + "|"]
    holes += [f"| {ml:g} | {effort} | {cells(one)} |" for (ml, effort), one in by_hole.items()]
    scans = [f"| scan, voxels | {head}", "|---" * 5 + "|"]
    scans += [f"| {' x '.join(map(str, shape))} | {cells(one)} |" for shape, one in by_scan.items()]
    return PAGE.format(
        holes="\n".join(holes),
        scans="\n".join(scans),
        runs="one run each" if arguments.runs == 1 else f"medians of {arguments.runs} runs",
        engine=arguments.engine,
        small=SMALL_ML,
    )


def cells(one: Timing) -> str:
    """Return a timing as cells of a table."""
    return f"`{one.engine}` | {one.process_s:.1f} | {one.peak_gb:.2f} | {one.next_s:.1f}"


PAGE: Final = """\
# Speed

The cost of a restoration with the engine `{engine}`, on a CPU with two cores; {runs}. The whole
process is the time from entering `medpaint restore` to the next prompt, including the start of Python and loading
the network. The next scan is the time for a further scan in the same process, as in the batches of a cohort,
including reading and writing. A compressed NIfTI file of 8-bit values is read and written.

## By the size of the hole

One hole in a T1-weighted brain at 1 mm:

{holes}

## By the size of the scan

A hole of {small:g} ml in a scan made of repeated brains, effort `fast`. The engine sees only a crop around the
hole; what grows is the time for reading, writing and hashing.

{scans}

To repeat this, run

```
OMP_NUM_THREADS=2 python benchmarks/speed.py --brain SCAN.nii.gz --output docs/reference/speed.md
```

where SCAN is a T1-weighted brain at 1 mm.
"""

if __name__ == "__main__":
    main()
