"""NIfTI-1 and NIfTI-2 files, plain or gzipped; and masks, which are always written as NIfTI-1.

Header, extensions, byte order and whatever else stands around the voxels are written back as they were read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import stream_digest
from medpaint.io.inspected import Inspection
from medpaint.io.header import Header, chosen_frame, facts_of, inspection_of, restorable
from medpaint.io.nifti_header import LONGEST_HEADER, mask_header, parse_nifti
from medpaint.io.source import Derivation
from medpaint.io.stored import (
    Packing,
    Place,
    Stored,
    bytes_with,
    pack,
    read_errors,
    read_frame,
    reopened,
    unpacked,
)

__all__ = ["NiftiSource", "inspect_nifti", "read_nifti", "write_mask"]

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """The NIfTI file that a volume was read from.

    Attributes:
        path: the file.
        sha256: hash of its bytes as they lie on the disk.
        facts: shape, axes, frames, codes and scaling.
        warnings: what was noticed, a sentence each.
        stored: where its voxels lie.
        place: where in it the frame was that was read.
        absent: none; slices are put back in DICOM series only.
    """

    path: Path
    sha256: str
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    stored: Stored
    place: Place
    absent: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file."""
        return (self.path,)

    @property
    def kind(self) -> str:
        """The name of the format."""
        return "nifti"

    @property
    def suffix(self) -> str:
        """Ending of a product of the same kind."""
        return ".nii" if self.stored.packing == "none" else ".nii.gz"

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` in the place of the frame that was read; every other byte is the original file's.

        The header has no place that says what was done without overwriting something, so `derivation`
        is left to the record.

        Args:
            data: stored values, (I, J, K), of the dtype of the volume that was read.
            mask: not needed for this format.
            path: the file to make; gzipped where it ends in ``.gz``.
            derivation: not needed for this format.

        Raises:
            InputError: the source is gone or has changed since it was read.
            MedpaintError: `path` cannot be written.
        """
        del mask, derivation
        with reopened(self.path, self.sha256) as file, replacing(path) as part, part.open("wb") as out:
            pack(bytes_with(file, self.stored, self.place, data), out, _packing_for(path))


def read_nifti(path: Path, *, frame: int | None = None) -> tuple[Volume, NiftiSource]:
    """Read a NIfTI file.

    Args:
        path: the file; whether it is gzipped is seen from its bytes, not from its name.
        frame: which frame of a time series, from 0.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        UnreadableError: no NIfTI file, truncated or damaged.
        UnsupportedError: colour, complex or extended numbers, a pair of files.
        GeometryError: an empty axis, or an affine that cannot be inverted.
        AmbiguousError: several frames and none chosen.
        UsageError: a frame that is not there.
        InputError: the file cannot be read.
    """
    with read_errors(path), path.open("rb") as file:
        digest = stream_digest(file)
        header = _parsed(file, path)
        stored, encoding = restorable(header)
        data, place = read_frame(file, stored, chosen_frame(header, frame))
    volume = Volume(data, header.affine, encoding)
    return volume, NiftiSource(path, digest, facts_of(header, frame), header.warnings, stored, place)


def inspect_nifti(path: Path) -> Inspection:
    """Say what the header of a NIfTI file says; the voxels are not read.

    Raises:
        UnreadableError: the header is none.
        UnsupportedError: a pair of files.
        InputError: the file cannot be read.
    """
    with read_errors(path), path.open("rb") as file:
        return inspection_of(_parsed(file, path))


def write_mask(mask: Mask, affine: Affine, path: Path) -> None:
    """Write a mask as uint8 NIfTI-1, 1 = repair; the same mask gives the same bytes.

    Args:
        mask: True = repair, (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4). Where the grid is sheared it goes into the
            sform alone, since the qform cannot hold it.
        path: the file to make; gzipped where it ends in ``.gz``.

    Raises:
        MedpaintError: `path` cannot be written.
    """
    planes = (np.asarray(mask[:, :, k], np.uint8).reshape(-1, order="F").data for k in range(mask.shape[2]))
    with replacing(path) as part, part.open("wb") as out:
        pack(chain([mask_header(mask.shape, affine)], planes), out, _packing_for(path))


def _packing_for(path: Path) -> Packing:
    """Return how a file of that name is packed."""
    return "gzip" if path.suffix.lower() == ".gz" else "none"


def _parsed(file: BinaryIO, path: Path) -> Header:
    """Return what the header of an open file says."""
    packing: Packing = "gzip" if file.read(2) == _GZIP_MAGIC else "none"
    with unpacked(file, packing) as stream:
        return parse_nifti(stream.read(LONGEST_HEADER), path, packing)
