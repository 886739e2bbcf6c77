"""The records in files and folders, and where one is missing."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from typing import Final

from medpaint.core.errors import InputError
from medpaint.io.atomic import is_part
from medpaint.io.naming import is_instance
from medpaint.io.nifti import own_ending
from medpaint.record.file import RECORD_SUFFIX

__all__ = ["find_records", "products_beside"]

_MASK_SUFFIX: Final = "_mask.nii.gz"

_RESTORED: Final = re.compile(r"(?P<name>.+)_restored(\.nii|\.nii\.gz|\.nrrd|\.nhdr|\.mha|\.mhd)?")
"""Names of restored scans, in any format."""


def find_records(paths: Iterable[Path]) -> list[Path]:
    """Return the records at `paths`, which are records, products next to one, or folders with records.

    Raises:
        InputError: a path is not there, has no record, or has a folder that cannot be read.
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


def products_beside(record: Path) -> list[Path]:
    """Return what is called as the products of a record are, next to where it is or would be."""
    name = record.name.removesuffix(RECORD_SUFFIX)
    restored = (one for one in sorted(record.parent.glob(f"{escape(name)}_restored*")) if _named(one) == name)
    mask, drawn = record.with_name(f"{name}{_MASK_SUFFIX}"), record.with_name(f"{name}_mask.dcm")
    return [*restored, *([mask] if _is_own(mask) else []), *([drawn] if drawn.is_file() else [])]


def _missing_below(folder: Path) -> list[Path]:
    """Return where a record is missing: next to restored scans, and masks of products, that have none."""
    masks = (one for one in _below(folder, f"*{_MASK_SUFFIX}") if _is_own(one))
    names = [one.with_name(one.name.removesuffix(_MASK_SUFFIX)) for one in masks]
    names += [one.with_name(name) for one in _below(folder, "*_restored*") if (name := _named(one))]
    records = dict.fromkeys(one.with_name(one.name + RECORD_SUFFIX) for one in names)
    return [record for record in records if not record.exists()]


def _named(path: Path) -> str:
    """Return the name of the scan whose restored file or series this is, by its name; empty for anything else."""
    found = _RESTORED.fullmatch(path.name)
    has_instances = path.is_dir() and any(is_instance(one.name) for one in path.iterdir())
    is_file = path.is_file() and bool(found and found[2])
    return found["name"] if found and (has_instances or is_file) else ""


def _is_own(mask: Path) -> bool:
    """Return whether a file is the mask of a product."""
    return mask.is_file() and own_ending(mask) is not None


def _below(folder: Path, pattern: str) -> list[Path]:
    """Return what matches in a folder and below, except in hidden folders of products that are not finished.

    Raises:
        InputError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        message = f"cannot read {error.filename}: {error.strerror}"
        raise InputError(message) from error

    found = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not is_part(name)]
        found += [Path(place, name) for name in fnmatch.filter([*folders, *names], pattern) if not is_part(name)]
    return sorted(found)
