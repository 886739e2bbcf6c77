"""Measure every engine on holes in healthy tissue of real brains, and write the table as a page.

    python benchmarks/classical.py --data FOLDER --people 6 --output docs/reference/classical-engines.md

FOLDER contains brain-extracted T1-weighted scans as NIfTI, uint8, 1 mm; the last ones by name are measured.
For comparison seg_FillLesions of NiftySeg is run on the same holes, if --niftyseg gives its path.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from medpaint.core.types import FloatArray, Mask
from medpaint.corrupt import lesion_blob, lesion_shape, missing_slices
from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.engines.base import Engine, Hole
from medpaint.engines.choice import LEARNED
from medpaint.engines.registry import load_engine, ready_engines
from medpaint.engines.windows import windows
from medpaint.metrics import psnr, rmse

SPACING_MM: Final = (1.0, 1.0, 1.0)
SMALL_ML: Final = (0.4, 0.7, 1.0, 1.3, 1.6, 2.0)
MEDIUM_ML: Final = (8.0, 15.0)
LARGE_ML: Final = (30.0, 50.0)
GAPS: Final = ((1, 0.35), (2, 0.5), (3, 0.65))

ENGINES: Final = tuple(name for name in ready_engines() if name not in LEARNED)
KINDS: Final = {
    "small": "six holes, 0.4 to 2 ml",
    "medium": "one hole, 8 to 15 ml",
    "large": "one hole, 30 to 50 ml",
    "slices": "1, 2 and 3 missing axial slices",
}
NIFTYSEG: Final = "seg_FillLesions"
NIFTYSEG_KINDS: Final = ("small",)


@dataclass(frozen=True)
class Score:
    """One engine on one kind of hole in one brain."""

    engine: str
    kind: str
    psnr_db: float
    rmse: float
    seconds: float


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of brains, *.nii.gz")
    parser.add_argument("--lesions", type=Path, help="folder of lesion masks for the larger holes, 1 mm, *.nii.gz")
    parser.add_argument("--people", type=int, default=6, help="how many brains, the last by name")
    parser.add_argument("--niftyseg", type=Path, help="the program seg_FillLesions, to compare with")
    parser.add_argument("--output", type=Path, help="Markdown page to write; printed in any case")
    arguments = parser.parse_args()
    scans = sorted(arguments.data.glob("*.nii.gz"))[-arguments.people :]
    scores = [score for seed, scan in enumerate(scans) for score in measure(scan, arguments, seed)]
    page = PAGE.format(table=table(scores), people=len(scans), shapes=SHAPES[arguments.lesions is not None])
    print(page)
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")


def read(path: Path) -> NDArray[np.float32]:
    """Return the intensities of a NIfTI file, (I, J, K)."""
    image = cast("nib.nifti1.Nifti1Image", nib.load(path))
    return image.get_fdata(dtype=np.float32)


def measure(scan: Path, arguments: argparse.Namespace, seed: int) -> Iterator[Score]:
    """Yield the scores of every engine on every kind of hole in one brain."""
    truth = read(scan) / np.float32(255.0)
    tissue = truth > 0
    for kind, mask in holes(tissue, arguments.lesions, seed).items():
        compared = (NIFTYSEG,) if arguments.niftyseg and kind in NIFTYSEG_KINDS else ()
        for name in (*ENGINES, *compared):
            if name == NIFTYSEG:
                filled, seconds = niftyseg_fill(arguments.niftyseg, truth, mask)
            else:
                filled, seconds = timed_fill(load_engine(name), truth, mask)
            scored = mask & tissue
            quality, error = psnr(truth, filled, scored, data_range=1.0), rmse(truth, filled, scored)
            print(scan.name, kind, name, f"{quality:.2f} dB {seconds:.2f} s", file=sys.stderr, flush=True)
            yield Score(name, kind, quality, error, seconds)


def holes(tissue: Mask, lesions: Path | None, seed: int) -> dict[str, Mask]:
    """Return a mask of each kind in a brain."""
    rng = np.random.default_rng(seed)
    small = np.zeros_like(tissue)
    for number, volume_ml in enumerate(SMALL_ML):
        free = tissue & ~binary_dilation(small, iterations=4)
        small |= lesion_blob(free, SPACING_MM, volume_ml=volume_ml, seed=100 * seed + number)
    bottom, top = np.flatnonzero(tissue.any(axis=(0, 1)))[[0, -1]]
    slices = np.zeros_like(tissue)
    for count, place in GAPS:
        first = int(bottom + place * (top - bottom))
        i, j, k = tissue.shape
        slices |= missing_slices((i, j, k), axis=2, count=count, first=first)
    return {
        "small": small,
        "medium": lesion(tissue, lesions, MEDIUM_ML, rng),
        "large": lesion(tissue, lesions, LARGE_ML, rng),
        "slices": slices,
    }


def lesion(tissue: Mask, folder: Path | None, limits_ml: tuple[float, float], rng: np.random.Generator) -> Mask:
    """Return one hole: a real lesion's shape at a random place in the tissue, or a random blob."""
    volume_ml, seed = rng.uniform(*limits_ml), int(rng.integers(2**31))
    if folder is None:
        return lesion_blob(tissue, SPACING_MM, volume_ml=volume_ml, seed=seed)
    return lesion_shape(tissue, SPACING_MM, volume_ml=volume_ml, seed=seed, shapes=LesionFolder(folder))


def timed_fill(engine: Engine, image: NDArray[np.float32], mask: Mask) -> tuple[FloatArray, float]:
    """Return the image with its holes filled, window by window, and the seconds that took."""
    filled = image.copy()
    start = time.perf_counter()
    for window in windows(mask, SPACING_MM, engine.context_mm):
        hole = mask[window]
        part = np.where(hole, np.float32(0.0), image[window])
        filled[window][hole] = engine.fill(Hole(part, hole, SPACING_MM), seed=0).values[0]
    return filled, time.perf_counter() - start


def niftyseg_fill(program: Path, image: NDArray[np.float32], mask: Mask) -> tuple[FloatArray, float]:
    """Return the image with its holes filled by seg_FillLesions, with its default options, and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.nii.gz" for name in ("image", "mask", "filled")]
        for path, array in zip(paths, (np.where(mask, np.float32(0.0), image), mask), strict=False):
            nib.save(nib.Nifti1Image(array.astype(np.float32), np.eye(4)), path)  # type: ignore[no-untyped-call]
        command = [str(program), "-i", str(paths[0]), "-l", str(paths[1]), "-o", str(paths[2])]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read(paths[2]), time.perf_counter() - start


def table(scores: list[Score]) -> str:
    """Return the scores as a Markdown table: mean decibels and errors, median seconds."""
    lines = ["| engine | " + " | ".join(KINDS.values()) + " |", "|---" * (len(KINDS) + 1) + "|"]
    of = {
        (name, kind): [score for score in scores if (score.engine, score.kind) == (name, kind)]
        for name in (*ENGINES, NIFTYSEG)
        for kind in KINDS
    }
    for name in dict.fromkeys(score.engine for score in scores):
        cells = [cell(of[name, kind], of["harmonic", kind]) for kind in KINDS]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(scores: list[Score], harmonic: list[Score]) -> str:
    """Return the text of one cell."""
    if not scores:
        return ""
    decibels = statistics.mean(score.psnr_db for score in scores)
    ratio = statistics.mean(score.rmse / other.rmse for score, other in zip(scores, harmonic, strict=True))
    return f"{decibels:.1f} dB · {ratio:.2f} · {statistics.median(score.seconds for score in scores):.2f} s"


SHAPES: Final = {
    True: "lesion-shaped: masks of stroke lesions, scaled and placed at random in the tissue",
    False: "lesion-shaped: random blobs in the tissue (`medpaint.corrupt.lesion_blob`)",
}

PAGE: Final = """\
# Classical engines, measured

How well the engines without weights restore healthy tissue that was hidden from them.

- **Scans**: {people} people, brain-extracted T1-weighted MRI at 1 mm (OpenNeuro ds002748), intensities
  scaled to [0, 1].
- **Holes**: the small ones are random blobs in the tissue; the larger ones are {shapes}.
  The gaps of 1, 2 and 3 axial slices lie at 35, 50 and 65 % of the brain's height.
- **Each cell** gives the PSNR over the tissue in the mask (data range 1, higher is better), the RMSE divided by
  that of `harmonic` (lower is better), and the seconds for all holes of the kind in one brain on two CPU threads.
  Scores are means over people; seconds are medians.
- **For comparison**: `seg_FillLesions`, the patch-based lesion filling of NiftySeg 0.9.4 (Prados et al.,
  NeuroImage 139, 2016), compiled from source, with default options, on the same small holes.
  It takes minutes for a hole of 8 ml.

{table}

To repeat this, run

```
OMP_NUM_THREADS=2 python benchmarks/classical.py --data BRAINS --lesions LESIONS \\
    --niftyseg seg_FillLesions --output docs/reference/classical-engines.md
```
"""

if __name__ == "__main__":
    main()
