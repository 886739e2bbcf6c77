"""The scans that benchmarks/detection.py measures on, and whose are held out for the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medpaint.io.inspection import inspect

__all__ = ["REPORTED", "Scan", "scans_of"]

REPORTED: Final = frozenset(
    {
        *(f"ds002748-{number}" for number in (20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 43, 45, 47, 49, 50, 51)),
        *(f"ds002748-{number}" for number in (52, 53, 55, 57, 60, 64, 68, 72)),
        *(f"ds000011-{number}" for number in ("09", "10", "12", "13")),
        *("lesjak-04", "lesjak-12"),
        *(f"sts-0{number}" for number in (26, 28, 29, 31, 32, 33, 34, 35, 36, 38, 39)),
        *("dcm_qa_xa30", "crlm-1004", "philips", "siemens"),
    }
)
"""People whose scans are damaged for the report; limits were first set on damaged scans of others."""

_ZOO: Final = "dicom/geometry-zoo"


@dataclass(frozen=True)
class Scan:
    """A clean scan.

    Attributes:
        path: a file, or the folder of a DICOM series.
        person: who was scanned.
        group: body and contrast.
        series: UID of the DICOM series; None for files.
    """

    path: Path
    person: str
    group: str
    series: str | None = None

    @property
    def is_reported(self) -> bool:
        """Whether the person is held out for the report."""
        return self.person in REPORTED


def scans_of(data: Path) -> Iterator[Scan]:
    """Yield every clean scan below the folder of test data."""
    for path in sorted((data / "t1w-brain-ds002748").rglob("*.nii.gz")):
        group = "T1w brain" if path.parent.name == "train-1mm" else "T1w brain, 0.87 mm"
        yield Scan(path, f"ds002748-{path.name[4:6]}", group)
    for path in sorted((data / "head-ds000011").rglob("*.nii.gz")):
        yield Scan(path, f"ds000011-{path.name[4:6]}", "T1w head" if "T1w" in path.name else "T2w head")
    for path in sorted((data / "ms-patient26").glob("*brain_N4*.nii.gz")):
        yield Scan(path, "lesjak-26", "MS, T1w, T2w, FLAIR")
    for path in sorted((data / "ms-patient12-raw").glob("*.nii.gz")):
        yield Scan(path, "lesjak-12", "MS, T1w, T2w, FLAIR")
    for path in sorted((data / "ms-raw").rglob("*.nii.gz")):
        yield Scan(path, f"lesjak-{path.parent.name[-2:]}", "MS, T1w, T2w, FLAIR")
    for folder in ("mr-t1-sts", "ct-mr-sts"):
        for path in sorted((data / folder).rglob("*_image.nii.gz")):
            group = "CT of limbs and trunk" if path.name.startswith("CT") else "T1w limbs and trunk"
            yield Scan(path, f"sts-{path.parent.name[-3:]}", group)
    yield from _series(data)


def _series(data: Path) -> Iterator[Scan]:
    """Yield the DICOM series that form a volume and hold an image, not noise."""
    people = {
        "dicom/ct-liver-crlm-1004/image": "crlm-1004",
        "dicom/mr-enhanced-xa30": "dcm_qa_xa30",
        "dicom/mr-mosaic": "dcm_qa",
        "dicom/mr-thigh-sts-001/image": "sts-001",
        "dicom/seg-dcmqi/ct-3slice": "dcmqi",
        "dicom/seg-dcmqi/23x38x3": "dcmqi",
        "dicom/seg-dcmqi/24x38x3": "dcmqi",
        f"{_ZOO}/generic": "zoo",
        f"{_ZOO}/philips_enhanced": "philips",
        f"{_ZOO}/siemens_multiframe": "siemens",
    }
    for folder, person in people.items():
        for found in inspect(data / folder):
            if found.series and found.restorable and not found.is_mask:
                yield Scan(found.path, person, "DICOM series", found.series)
