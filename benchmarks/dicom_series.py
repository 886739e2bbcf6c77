"""Read every DICOM series of the test data and of pydicom's own test files, and write the outcomes as a page.

    python benchmarks/dicom_series.py --data FOLDER --output docs/reference/dicom-series.md

FOLDER contains a folder ``dicom``. If there is a NIfTI file with the reference next to a series, it is compared.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom

from medpaint.core.errors import MedpaintError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.inspected import Inspection

PAGE = """# DICOM test series

How medpaint handles each series of a collection of test data, and the files that pydicom ships for its tests. If a
series comes with a NIfTI reference, the affine (within 0.001 mm) and the voxels are compared.
The table is made by

```
python benchmarks/dicom_series.py --data DATA --output docs/reference/dicom-series.md
```

and a test fails when it is out of date.
"""


def canonical(data: np.ndarray[Any, Any], affine: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], Any]:
    """Return voxels and affine with axes that point right, anterior and superior, as nearly as flips can."""
    tools: Any = nib.orientations
    flips = tools.io_orientation(affine)
    return tools.apply_orientation(data, flips), affine @ tools.inv_ornt_aff(flips, data.shape)


def against_reference(finding: Inspection, data: Any, affine: Any) -> str:  # noqa: ANN401 - arrays
    """Return how a volume compares with the reference next to its folder; empty without one."""
    folder = finding.path if finding.path.is_dir() else finding.path.parent
    reference = folder.with_name(f"{folder.name}_ground_truth.nii.gz")
    if not reference.exists():
        return ""
    image: Any = nib.load(reference)
    expected, expected_affine = canonical(np.squeeze(image.get_fdata()), image.affine)
    found, found_affine = canonical(data, affine)
    same = found.shape == expected.shape and np.allclose(found, expected, rtol=1e-5)
    return "equals the reference" if same and np.allclose(found_affine, expected_affine, atol=1e-3) else "DIFFERS"


def outcome(finding: Inspection) -> str:
    """Read what a finding lists as readable; return the outcome."""
    if not finding.restorable:
        return f"refused: {finding.reason}"
    try:
        volume, source = read_series(finding.path, series=finding.series)
    except MedpaintError as error:
        return f"refused: {str(error).partition(': ')[0]}"
    compared = against_reference(finding, volume.intensities(), volume.affine)
    return "; ".join(["read", *([compared] if compared else []), *source.warnings])


def rows(root: Path, folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield place, kind, grid and outcome of each series below a folder."""
    for finding in sorted(list_series(folder), key=lambda one: (str(one.path), one.name)):
        part = str(finding.facts.get("part", ""))
        where = f"{finding.path.relative_to(root)}{f' ({part})' if part else ''}"
        what = f"{finding.facts.get('sop_class', '')}, {finding.facts.get('transfer_syntax', '')}"
        yield where, what, "x".join(map(str, finding.shape)), outcome(finding)


def told(title: str, found: list[tuple[str, str, str, str]]) -> list[str]:
    """Return a table as Markdown; series that are alike in one folder share a row."""
    counts = Counter((str(Path(where).parent) if title else where, *rest) for where, *rest in found)
    singles = {(str(Path(where).parent), *rest): where for where, *rest in found}
    lines = [f"## {title}", "", "| where | what | grid | |", "|---|---|---|---|"]
    for key, count in counts.items():
        where = singles[key] if count == 1 else f"{count} such as {singles[key]}"
        lines.append(f"| {where} | {key[1]} | {key[2]} | {key[3].replace('|', '/')} |")
    return [*lines, ""]


def page(data: Path) -> str:
    """Return the page."""
    own = data / "dicom"
    folders = sorted({path.parent for path in own.rglob("*") if path.is_file()})
    series = [row for folder in folders for row in rows(own, folder) if list(folder.glob("*")) and _holds(folder)]
    unique = list(dict.fromkeys(series))
    files = Path(pydicom.__file__).parent / "data" / "test_files"
    paths = [path for path in sorted(files.rglob("*")) if path.is_file() and path.name != "DICOMDIR"]
    bundled = [row for path in paths for row in rows(files, path)]
    return "\n".join([PAGE, *told("Test data", unique), *told("pydicom's test files", bundled)])


def _holds(folder: Path) -> bool:
    """Return whether files are in a folder itself, not only below it."""
    return any(path.is_file() for path in folder.iterdir())


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder dicom in it")
    parser.add_argument("--output", type=Path, help="page to write; printed in any case")
    parsed = parser.parse_args()
    text = page(parsed.data)
    if parsed.output:
        parsed.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
