"""The kind of a file, by its first bytes or, if these are ambiguous, by its name."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.archive import is_archive
from medpaint.io.regular import open_regular
from medpaint.io.stored import check_regular, is_link_to_nothing, read_errors

__all__ = ["Kind", "files_below", "kind_of", "kind_of_content"]

Kind = Literal["nifti", "nrrd", "metaimage", "dicom"]

_HEAD: Final = 4096

_ENDINGS: Final[dict[str, Kind]] = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
    ".dcm": "dicom",
    ".ima": "dicom",
}

_EXPECTED: Final = (
    "expected NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd), DICOM or an archive of it"
)

_LIKENESSES: Final[dict[bytes, str]] = {
    b"\x1f\x8b": "a gzip archive of something else",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file, perhaps MINC",
    b"CDF": "a NetCDF file, perhaps MINC",
    b"\x93NUMPY": "a numpy array",
    b"\x5c\x01\0\0": "an Analyze header: convert the pair to .nii.gz",
    b"\0\0\x01\x5c": "an Analyze header: convert the pair to .nii.gz",
}

_NIFTI_MARKS: Final = {344: (b"n+1\0", b"ni1\0"), 4: (b"n+2\0", b"ni2\0")}
_METAIMAGE: Final = re.compile(rb"(?m)^\s*NDims\s*=\s*\d")
_METAIMAGE_FIRST: Final = re.compile(rb"\s*[A-Z][A-Za-z]+\s*=")
_EXPLICIT_VR: Final = re.compile(rb"[A-Z]{2}")
_DICOM_GROUPS: Final = (b"\x02\0", b"\x08\0")
_LONGEST_FIRST_ELEMENT: Final = 64


def kind_of(path: Path) -> Kind:
    """Return the kind of an image file; ``dicom`` for a folder that holds DICOM files, and for any archive.

    Raises:
        UnreadableError: not a known kind of image; the message says what it looks like.
        InputError: no such file or folder, or it cannot be read.
    """
    with read_errors(path):
        is_folder = path.is_dir()
    if is_folder:
        return _kind_of_folder(path)
    head = _head(path)
    if is_archive(path):
        return "dicom"
    kind = _kind_of_bytes(head) or _ENDINGS.get(_ending(path))
    if kind is None:
        message = f"{path}: {_EXPECTED}; this looks like {_appearance(path, head)}"
        raise UnreadableError(message)
    return kind


def kind_of_content(path: Path) -> Kind | None:
    """Return the kind of image by a file's bytes or else its name; None for other files.

    Raises:
        InputError: it cannot be read.
    """
    return _kind_of_bytes(_head(path)) or _ENDINGS.get(_ending(path))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every regular file in a folder and its subfolders, sorted, without hidden ones.

    A folder that links lead back to is not entered again. A link to nothing is yielded too, because a file that
    was not fetched must not be taken for one that does not exist: whatever opens it reports it.

    Raises:
        OSError: a folder cannot be read.
    """
    yield from _files_below(folder, frozenset())


def _files_below(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Yield the files below a folder that is inside the folders `above`, each by its device and number."""
    status = folder.stat()
    own = (status.st_dev, status.st_ino)
    if own in above:
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(entry, above | {own})
        elif entry.is_file() or is_link_to_nothing(entry):
            yield entry


def _kind_of_folder(folder: Path) -> Kind:
    """Return ``dicom`` where a file in the folder is DICOM; other files do not make a folder a scan.

    Raises:
        InputError: a link in it leads to nothing, which could be a slice.
    """
    with read_errors(folder):
        files = list(files_below(folder))
    for file in filter(is_link_to_nothing, files):
        check_regular(file)
    if any(kind_of_content(file) == "dicom" for file in files):
        return "dicom"
    message = f"{folder}: expected an image file, or a folder of DICOM files; no file in this folder is DICOM"
    raise UnreadableError(message)


def _head(path: Path) -> bytes:
    """Return the first bytes of a regular file; nothing else is opened.

    Raises:
        InputError: there is no such file, it is something else, or it cannot be read.
    """
    if not (path.exists() or path.is_symlink()):
        message = f"{path}: expected a file or a folder: no such path"
        raise InputError(message)
    with read_errors(path), os.fdopen(open_regular(path), "rb") as file:
        return file.read(_HEAD)


def _ending(path: Path) -> str:
    """Return the ending of a file's name; ``.nii.gz`` counts as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _kind_of_bytes(head: bytes) -> Kind | None:
    """Return the kind of a file by its first bytes."""
    if _is_nifti(_inflated(head)):
        return "nifti"
    if head.startswith(b"NRRD0"):
        return "nrrd"
    if _METAIMAGE_FIRST.match(head) and _METAIMAGE.search(head):
        return "metaimage"
    return "dicom" if _is_dicom(head) else None


def _inflated(head: bytes) -> bytes:
    """Return the first bytes of a gzipped file unpacked, or the bytes themselves."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    """Return whether a magic number of NIfTI is in its place."""
    return any(head[at : at + 4] in marks for at, marks in _NIFTI_MARKS.items())


def _is_dicom(head: bytes) -> bool:
    """Return whether the mark of DICOM is there, or a data set without it starts here.

    A data set without the mark starts with group 2 or 8, little endian, and either a value representation of two
    capitals or a short value of even length (DICOM PS3.5, 7.1).
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8 or head[:2] not in _DICOM_GROUPS or head[3]:
        return False
    length = int.from_bytes(head[4:8], "little")
    return bool(_EXPLICIT_VR.match(head[4:6])) or (length <= _LONGEST_FIRST_ELEMENT and length % 2 == 0)


def _appearance(path: Path, head: bytes) -> str:
    """Return what a file that is not an image looks like."""
    if not head:
        return "an empty file"
    if path.suffix.lower() == ".img" and any(path.with_suffix(ending).exists() for ending in (".hdr", ".HDR")):
        return "the voxels of a .hdr/.img pair: convert the pair to .nii.gz"
    for start, likeness in _LIKENESSES.items():
        if head.startswith(start):
            return likeness
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head[:256])
    return "a text file" if printable == len(head[:256]) else "an unknown format"
