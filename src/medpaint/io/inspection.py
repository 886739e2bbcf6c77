"""What images are in a file or folder, and which of them can be restored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.types import Progress
from medpaint.io.archive import ENDINGS, is_archive
from medpaint.io.inspected import Inspection
from medpaint.io.reading import read_scan
from medpaint.io.sniff import Kind, files_below, kind_of, kind_of_content
from medpaint.io.stored import read_errors

__all__ = ["inspect"]


def inspect(path: str | Path, *, progress: Progress | None = None) -> list[Inspection]:
    """Say what images a file or folder holds, with their grid, and which cannot be restored and why.

    Of a folder and its subfolders only headers are read, and files that are no images are passed over.
    Archives are such folders. A single file is read whole, so that one that is cut off or damaged is found out.

    Args:
        path: a file, or a folder.
        progress: told the fraction of the DICOM files whose headers were read.

    Returns:
        One finding for every image file and every DICOM series.

    Raises:
        InputError: nothing is there, or no image.
    """
    path = Path(path)
    return _in_folder(path, progress) if path.is_dir() else _in_file(path)


def _in_file(path: Path) -> list[Inspection]:
    """Inspect a single file."""
    kind = kind_of(path)
    if kind == "dicom":
        findings = _dicom(path)
        return findings if is_archive(path) else [_read_whole(finding) for finding in findings]
    finding = _from_header(path, kind)
    return [_read_whole(finding, frame=0 if int(finding.facts.get("frames", 1)) > 1 else None)]


def _in_folder(folder: Path, progress: Progress | None) -> list[Inspection]:
    """Inspect every file below a folder by its header."""
    findings: list[Inspection] = []
    has_dicom = False
    with read_errors(folder):
        files = list(files_below(folder))
    for file in files:
        try:
            kind = kind_of_content(file)
        except InputError as error:
            findings.append(Inspection(file, "unknown", file.name, restorable=False, reason=str(error)))
            continue
        if kind == "dicom":
            has_dicom = True
        elif is_archive(file):
            findings += _in_archive(file)
        elif kind is not None:
            findings.append(_from_header(file, kind))
    if has_dicom:
        findings += _dicom(folder, progress)
    if not findings:
        message = f"{folder}: expected images, found none among {len(files)} files"
        raise InputError(message)
    return findings


def _in_archive(path: Path) -> list[Inspection]:
    """Return what DICOM series are in an archive that was met with: none in most."""
    try:
        return _dicom(path)
    except (MedpaintError, OSError) as error:
        refused = Inspection(path, "dicom", path.name, restorable=False, reason=str(error))
        return [refused] if path.name.lower().endswith(ENDINGS) else []


def _from_header(path: Path, kind: Kind) -> Inspection:
    """Return what a header says; a refusal becomes the reason."""
    try:
        if kind == "nifti":
            from medpaint.io.nifti import inspect_nifti

            return inspect_nifti(path)
        from medpaint.io.itk import inspect_itk

        return inspect_itk(path)
    except MedpaintError as error:
        return Inspection(path, kind, path.name, restorable=False, reason=str(error))


def _dicom(path: Path, progress: Progress | None = None) -> list[Inspection]:
    """Return what DICOM series are in a file or folder."""
    from medpaint.io.dicom import list_series

    return list_series(path, progress)


def _read_whole(finding: Inspection, frame: int | None = None) -> Inspection:
    """Return `finding`, refused where reading the voxels shows that the file is damaged."""
    if not (finding.restorable or frame is not None):
        return finding
    try:
        read_scan(finding.path, frame=frame, series=finding.name if finding.kind == "dicom" else None)
    except MedpaintError as error:
        return replace(finding, restorable=False, reason=str(error))
    return finding
