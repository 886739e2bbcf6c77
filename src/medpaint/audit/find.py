"""The records in files and folders, and where one is missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from medpaint.core.errors import InputError
from medpaint.io.atomic import is_part
from medpaint.io.nifti import own_ending
from medpaint.record.file import RECORD_SUFFIX

__all__ = ["find_records"]

_MASK_SUFFIX = "_mask.nii.gz"


def find_records(paths: Iterable[Path]) -> list[Path]:
    """Return the records at `paths`, which are records, products next to one, or folders with records.

    Raises:
        InputError: a path is not there, or has no record.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            message = f"{path}: no such file or folder"
            raise InputError(message)
        records = _records_of(path)
        if not records:
            message = (
                f"{path}: expected a record (NAME{RECORD_SUFFIX}), a product next to one, or a folder with records"
            )
            raise InputError(message)
        found += records
    return list(dict.fromkeys(found))


def _records_of(path: Path) -> list[Path]:
    """Return the records that one path names."""
    if path.name.endswith(RECORD_SUFFIX):
        return [path]
    ending = "_mask" if path.name.endswith("_mask.nii.gz") else "_restored"
    stem, found, _ = path.name.rpartition(ending)
    if found and (record := path.with_name(f"{stem}{RECORD_SUFFIX}")).exists():
        return [record]
    return [*_below(path, f"*{RECORD_SUFFIX}"), *_missing_below(path)] if path.is_dir() else []


def _missing_below(folder: Path) -> list[Path]:
    """Return where a record is missing: next to masks of products that have none."""
    masks = (mask for mask in _below(folder, f"*{_MASK_SUFFIX}") if _is_own(mask))
    records = (mask.with_name(mask.name.removesuffix(_MASK_SUFFIX) + RECORD_SUFFIX) for mask in masks)
    return [record for record in records if not record.exists()]


def _is_own(mask: Path) -> bool:
    """Return whether a file is the mask of a product."""
    return mask.is_file() and own_ending(mask) is not None


def _below(folder: Path, pattern: str) -> list[Path]:
    """Return what matches in a folder and below, except in hidden folders of products that are not finished."""
    found = folder.rglob(pattern)
    return sorted(path for path in found if not any(map(is_part, path.relative_to(folder).parts)))
