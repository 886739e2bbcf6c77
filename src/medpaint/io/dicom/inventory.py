"""The DICOM files of a folder, grouped by series."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.filereader import _read_file_meta_info as read_meta
from pydicom.filereader import read_preamble
from pydicom.tag import Tag
from pydicom.uid import UID, MediaStorageDirectoryStorage

from medpaint.core.errors import InputError, UnreadableError
from medpaint.core.types import Progress
from medpaint.io.archive import File, is_archive, members
from medpaint.io.atomic import is_part
from medpaint.io.dicom.concatenation import with_parts_counted
from medpaint.io.dicom.deflated import check_inflation
from medpaint.io.dicom.extent import extent_of
from medpaint.io.dicom.foreign import images_among
from medpaint.io.dicom.headers import KEYWORDS, Header, headers_of
from medpaint.io.dicom.parsing import PARSE_ERRORS, cause, text
from medpaint.io.dicom.pixels import is_supported
from medpaint.io.dicom.shown import shown_uid
from medpaint.io.stored import read_errors

__all__ = ["Inventory", "files_of", "take_inventory"]

_READERS: Final = 8
"""Number of files examined in parallel: on network file systems most of the time is waiting."""

_FIRST_GROUPS: Final = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""First bytes of a file without preamble: group 2 or group 8, of either byte order."""


@dataclass(frozen=True)
class Inventory:
    """The DICOM files of a folder.

    Attributes:
        series: headers by series instance UID, in the order of their paths.
        damaged: files that claim to be DICOM but cannot be used, and why.
    """

    series: dict[str, list[Header]]
    damaged: dict[File, str]


def take_inventory(path: Path, progress: Progress | None = None) -> Inventory:
    """Read the header of `path`, or of every file in and below the folder or in the archive `path`.

    Files that are not DICOM are skipped. A DICOMDIR stands for its folder: the files that it lists are there.

    Args:
        path: a file, a folder, or a zip or tar archive.
        progress: called with the fraction of the files examined.

    Raises:
        InputError: no such file or folder.
        UnreadableError: the archive is damaged.
    """
    if not path.exists():
        message = f"expected a DICOM file or folder, found nothing: {path}"
        raise InputError(message)
    inventory = Inventory({}, {})
    files = list(_files(_searched(path)))
    with ThreadPoolExecutor(_READERS) as pool:
        for number, headers in enumerate(pool.map(_examined, files)):
            if progress is not None:
                progress("headers", number / len(files))
            if isinstance(headers, str):
                inventory.damaged[files[number]] = headers
                continue
            for header in headers:
                inventory.series.setdefault(header.series_uid, []).append(header)
    for uid, found in inventory.series.items():
        inventory.series[uid] = with_parts_counted(images_among(found))
    return inventory


def _examined(path: File) -> tuple[Header, ...] | str:
    """Return the headers of the slices in a file, empty if not DICOM; for a damaged file, the reason."""
    try:
        return _read_headers(path)
    except UnreadableError as error:
        return str(error)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that are searched for the series at `path`; for an archive, the archive itself."""
    return (path,) if is_archive(path) else tuple(_on_disk(_searched(path)))


def _searched(path: Path) -> Path:
    """Return `path`, or for a DICOMDIR the folder that it lies in."""
    return path.parent if path.name.upper() == "DICOMDIR" else path


def _files(path: Path) -> Iterator[File]:
    """Yield the regular files in and below `path`, or those in the archive `path`, in the order of their names."""
    if is_archive(path):
        yield from members(path, _may_be_dicom)
    else:
        yield from _on_disk(path)


def _on_disk(path: Path) -> Iterator[Path]:
    """Yield the regular files in and below `path`, sorted by name; none that is still being written.

    Raises:
        InputError: a folder cannot be read, which could hold slices; hidden ones are passed over.
    """
    if path.is_file():
        yield path
        return

    def refuse(error: OSError) -> None:
        if not any(part.startswith(".") for part in Path(error.filename).relative_to(path).parts):
            with read_errors(path):
                raise error

    for folder, folders, names in os.walk(path, onerror=refuse):
        folders[:] = sorted(name for name in folders if not is_part(name))
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_file():
                yield file


def _may_be_dicom(start: bytes) -> bool:
    """Return whether a file with these first bytes may be DICOM, with or without preamble."""
    return start[128:132] == b"DICM" or start[:2] in _FIRST_GROUPS


def _read_headers(path: File) -> tuple[Header, ...]:
    """Return the headers of the slices in a file; empty if it is not DICOM.

    Raises:
        UnreadableError: it claims to be DICOM but is damaged.
    """
    has_preamble = True
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
            stream.seek(0)
            has_preamble = start[128:] == b"DICM"
            if not _may_be_dicom(start):
                return ()
            check_inflation(stream, path)
            dataset = dcmread(
                stream, stop_before_pixels=True, force=True, specific_tags=[Tag(one) for one in KEYWORDS]
            )
            extent = extent_of(stream, dataset)
        if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return ()
        if text(dataset, "SOPClassUID") and text(dataset, "SeriesInstanceUID"):
            return headers_of(path, dataset, extent)
        reason = "a DICOM file without SOPClassUID or SeriesInstanceUID"
    except PARSE_ERRORS as error:
        what = "a DICOM file that cannot be read" if _is_of_system(error) else "a damaged DICOM file"
        reason = _unsupported_syntax(path) or f"{what} ({cause(error)})"
    if not has_preamble:
        return ()
    raise UnreadableError(reason)


def _is_of_system(error: BaseException) -> bool:
    """Return whether an error comes from the operating system, and not from what the file holds."""
    return isinstance(error, OSError) and error.errno is not None


def _unsupported_syntax(path: File) -> str:
    """Return that the transfer syntax of a file which cannot be parsed is not supported; empty if it is."""
    try:
        with path.open("rb") as stream:
            read_preamble(stream, force=False)
            syntax = UID(text(read_meta(stream), "TransferSyntaxUID"))
    except PARSE_ERRORS:
        return ""
    return "" if not syntax or is_supported(syntax) else f"transfer syntax not supported: {shown_uid(syntax)}"
