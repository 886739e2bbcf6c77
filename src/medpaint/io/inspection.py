"""What images are in a file or folder, and which of them can be restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from medpaint.core.crash import is_out_of_memory
from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.text import described_os
from medpaint.core.types import Progress
from medpaint.io.archive import ENDINGS, is_archive
from medpaint.io.formats import FORMATS
from medpaint.io.inspected import Inspection, Pixels
from medpaint.io.naming import own_name
from medpaint.io.pixel_facts import joined, pixels_of
from medpaint.io.reading import read_frames, read_selected
from medpaint.io.selection import Selection
from medpaint.io.sniff import Kind, files_below, kind_of, kind_of_content
from medpaint.io.stored import read_errors

__all__ = ["inspect"]

_MASK_NAMES: Final = ("_mask", "-mask", "_dseg")
"""Endings of the names of masks, such as BIDS has."""


def inspect(path: str | Path, *, deep: bool = False, progress: Progress | None = None) -> list[Inspection]:
    """Return the images in a file or folder, with their grids, and which cannot be restored and why.

    In a folder and its subfolders only headers are read, and files that are not images are skipped. The same goes
    for archives. A single file is read completely, which also detects a truncated or damaged one.

    Args:
        path: a file, or a folder.
        deep: read the voxels of every image, of all frames, as restoring would.
        progress: called with the step, and the fraction of the DICOM files or of the images that were read.

    Returns:
        One inspection for every image file and every DICOM series.

    Raises:
        InputError: no such file or folder, or no image in it.
    """
    path = Path(path)
    with read_errors(path):
        is_folder = path.is_dir()
    found = _in_folder(path, progress) if is_folder else _from_headers(path, kind_of(path))
    found = [replace(one, is_mask=True) if _is_named_mask(one) else one for one in found]
    if not (deep or (path.is_file() and not is_archive(path))):
        return found
    return [
        _read_whole(one, deep=deep, progress=_part_of(progress, number, len(found)))
        for number, one in enumerate(found)
    ]


def _is_named_mask(found: Inspection) -> bool:
    """Return whether a file of one image is called a mask; a series of DICOM says what it is."""
    return found.kind != "dicom" and own_name(found.path).lower().endswith(_MASK_NAMES)


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
        refused = {one.path for one in found if not one.restorable}
        found += (one for one in FORMATS["dicom"]().inspect(folder, progress) if one.path not in refused)
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
    return Inspection(path, kind, path.name, restorable=False, reason=_reason(error))


def _reason(error: Exception) -> str:
    """Return why an image cannot be restored."""
    return described_os(error) if isinstance(error, OSError) else str(error)


def _part_of(progress: Progress | None, number: int, count: int) -> Callable[[float], None]:
    """Return what to call with the fraction of one image's voxels that were read.

    Args:
        progress: called with the fraction of those of all images.
        number: of the image, from 0.
        count: of all images.
    """

    def report(fraction: float) -> None:
        if progress is not None:
            progress("voxels", (number + fraction) / count)

    return report


def _read_whole(found: Inspection, *, deep: bool, progress: Callable[[float], None]) -> Inspection:
    """Return an inspection with what its voxels are; refused where reading them shows that it is damaged.

    The first of several frames is read in any case, which shows whether the file holds all; the others if `deep`.
    """
    frames = int(found.facts.get("frames", 1))
    if not (found.restorable or frames > 1):
        return found
    progress(0.0)
    try:
        pixels = _pixels(found, frames, deep=deep, progress=progress)
    except (MedpaintError, OSError) as error:
        return replace(found, restorable=False, reason=_reason(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return replace(found, restorable=False, reason="reading its voxels takes more memory than there is")
    return replace(found, pixels=pixels)


def _pixels(found: Inspection, frames: int, *, deep: bool, progress: Callable[[float], None]) -> Pixels | None:
    """Return what the voxels of an image are; None where it has several frames, and only the first was read."""
    selection = Selection(frame=0) if frames > 1 else Selection(series=found.series or None)
    first, _ = read_selected(found.path, selection)
    if frames == 1:
        return pixels_of(first)
    del first  # so that two frames are not in memory at once
    parts = []
    for number, frame in enumerate(read_frames(found.path) if deep else (), start=1):
        parts.append(pixels_of(frame))
        progress(number / frames)
    return joined(parts) if parts else None
