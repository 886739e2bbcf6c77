"""What images are in a file or folder, and which of them can be restored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.types import Progress
from medpaint.io.archive import ENDINGS, is_archive
from medpaint.io.formats import FORMATS
from medpaint.io.inspected import Inspection
from medpaint.io.reading import read_selected
from medpaint.io.selection import Selection
from medpaint.io.sniff import Kind, files_below, kind_of, kind_of_content
from medpaint.io.stored import read_errors

__all__ = ["inspect"]


def inspect(path: str | Path, *, progress: Progress | None = None) -> list[Inspection]:
    """Return the images in a file or folder, with their grids, and which cannot be restored and why.

    In a folder and its subfolders only headers are read, and files that are not images are skipped. The same goes
    for archives. A single file is read completely, which also detects a truncated or damaged one.

    Args:
        path: a file, or a folder.
        progress: called with the fraction of the DICOM files whose headers were read.

    Returns:
        One inspection for every image file and every DICOM series.

    Raises:
        InputError: no such file or folder, or no image in it.
    """
    path = Path(path)
    with read_errors(path):
        is_folder = path.is_dir()
    return _in_folder(path, progress) if is_folder else _in_file(path)


def _in_file(path: Path) -> list[Inspection]:
    """Inspect a single file."""
    found = _from_headers(path, kind_of(path))
    return found if is_archive(path) else [_read_whole(one) for one in found]


def _in_folder(folder: Path, progress: Progress | None) -> list[Inspection]:
    """Inspect every file below a folder by its header."""
    found: list[Inspection] = []
    has_dicom = False
    with read_errors(folder):
        files = list(files_below(folder))
    for file in files:
        try:
            kind = kind_of_content(file)
        except InputError as error:
            found.append(_refused(file, "unknown", error))
            continue
        if kind == "dicom":
            has_dicom = True
        elif is_archive(file):
            found += _in_archive(file)
        elif kind is not None:
            found += _from_headers(file, kind)
    if has_dicom:
        found += FORMATS["dicom"]().inspect(folder, progress)
    if not found:
        message = f"{folder}: expected images, found none among {len(files)} files"
        raise InputError(message)
    return found


def _in_archive(path: Path) -> list[Inspection]:
    """Return what DICOM series are in an archive among other files; most have none."""
    try:
        return FORMATS["dicom"]().inspect(path, None)
    except (MedpaintError, OSError) as error:
        return [_refused(path, "dicom", error)] if path.name.lower().endswith(ENDINGS) else []


def _from_headers(path: Path, kind: Kind) -> list[Inspection]:
    """Return what a file's headers say; for one image per file, a refusal becomes the reason."""
    try:
        return FORMATS[kind]().inspect(path, None)
    except MedpaintError as error:
        if kind == "dicom":
            raise
        return [_refused(path, kind, error)]


def _refused(path: Path, kind: str, error: Exception) -> Inspection:
    """Return the inspection of a file that cannot be restored."""
    return Inspection(path, kind, path.name, restorable=False, reason=str(error))


def _read_whole(found: Inspection) -> Inspection:
    """Return an inspection, refused where reading the voxels shows that the file is damaged."""
    has_frames = int(found.facts.get("frames", 1)) > 1
    if not (found.restorable or has_frames):
        return found
    series = found.name if found.kind == "dicom" else None
    try:
        read_selected(found.path, Selection(frame=0 if has_frames else None, series=series))
    except MedpaintError as error:
        return replace(found, restorable=False, reason=str(error))
    return found
