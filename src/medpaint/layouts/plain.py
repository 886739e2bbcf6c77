"""The plain layout: the products of a scan side by side in one folder, named after the scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Products"]


@dataclass(frozen=True)
class Products:
    """Where the products of one scan are.

    Attributes:
        restored: the restored scan: a file, or the folder of a DICOM series.
        mask: the mask that was applied, NIfTI.
        segmentation: the same as a DICOM segmentation; written next to a restored DICOM series only.
        record: the JSON that says what made them; it is put in place last, so products without one are unfinished.
    """

    restored: Path
    mask: Path
    segmentation: Path
    record: Path

    @classmethod
    def of(cls, folder: Path, name: str, ending: str) -> Products:
        """Return the paths for the scan called `name`, whose restored file ends in `ending`."""
        return cls(
            restored=folder / f"{name}_restored{ending}",
            mask=folder / f"{name}_mask.nii.gz",
            segmentation=folder / f"{name}_mask.dcm",
            record=folder / f"{name}_record.json",
        )
