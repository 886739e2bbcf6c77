"""NIfTI-1 and NIfTI-2 files, plain or gzipped; and masks, which are always written as NIfTI.

Header, extensions, byte order and everything else around the voxels are written back as they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import InputError
from medpaint.core.types import Affine, Array, Mask, Progress
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import stream_digest
from medpaint.io.format import Format
from medpaint.io.header import (
    TEXTS_REMOVED,
    Header,
    chosen_frame,
    facts_of,
    frame_name,
    frame_of,
    inspection_of,
    restorable,
)
from medpaint.io.inspected import Inspection
from medpaint.io.nifti_header import (
    LONGEST_HEADER,
    MASK_NOTE,
    mask_header,
    mask_header_like,
    note_in,
    parse_nifti,
    refuse_overlap,
    without_texts,
)
from medpaint.io.packing import Packing, pack, unpacked
from medpaint.io.readback import Comparison, compared
from medpaint.io.selection import Selection
from medpaint.io.shortage import memory_for
from medpaint.io.source import Derivation, ReadBack
from medpaint.io.stored import (
    Place,
    Stored,
    between,
    bytes_with,
    check_regular,
    frames_in,
    read_errors,
    read_frame,
    reopened,
)

__all__ = ["FORMAT", "NiftiSource", "inspect_nifti", "own_ending", "read_nifti", "write_mask"]

_Read = TypeVar("_Read")

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """The NIfTI file that a volume was read from; see `Source`.

    Attributes:
        header: the bytes that the unpacked file starts with.
        axes: number of axes of the volume in the file, 2 or 3.
        stored: where its voxels are.
        place: where in the file the frame was that was read.
    """

    path: Path
    sha256: str
    selection: Selection
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    header: bytes
    axes: int
    stored: Stored
    place: Place
    positions: Mapping[str, Affine]
    absent: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    @property
    def kind(self) -> str:
        """The name of the format."""
        return "nifti"

    @property
    def suffix(self) -> str:
        """Ending of a product of the same kind."""
        return _ending(self.stored.packing)

    @property
    def identity(self) -> str:
        """Hash of the file, and which frame."""
        return frame_name(self.sha256, self.selection.frame)

    def recorded_facts(self, secret: bytes = b"") -> Mapping[str, str | int | float]:
        """Return the facts, none of which is an identifier; with a secret, what was left out of the product."""
        return {**self.facts, **TEXTS_REMOVED} if secret else self.facts

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` in the place of the frame that was read; every other byte is the original file's.

        The file is gzipped where `path` ends in ``.gz``. With a secret, texts in the header, its extensions and
        what follows the voxels are left out.
        """
        del mask
        with reopened(self.path, self.sha256) as file, replacing(path) as part, part.open("wb") as out:
            content = bytes_with(file, self.stored, self.place, data)
            if derivation.secret:
                head = without_texts(self.header, self.path, self.stored.offset)
                content = chain([head], between(content, len(head), self.stored.total_bytes))
            pack(content, out, _packing_for(path))

    def read_back(self, path: Path, data: Array, mask: Mask) -> ReadBack:
        """Compare a product with what was to be written."""
        check = Comparison(path, data, mask)

        def read() -> tuple[str, str]:
            checksum, opened = _through(path, self.selection.frame, check.frame)
            return opened.sha256, checksum

        return compared(path, read)

    def write_mask(
        self, mask: Mask, nifti: Path, segmentation: Path, *, restored: Path | None, derivation: Derivation
    ) -> tuple[str, ...]:
        """Write a mask with the scan's own version of NIfTI, qform, sform, codes, voxel sizes and units."""
        del segmentation, derivation
        note = b"" if restored is None else MASK_NOTE + self.suffix.encode()
        _write_mask(mask_header_like(self.header, mask.shape[: self.axes], note=note), mask, nifti)
        return ()


def read_nifti(path: Path, *, frame: int | None = None) -> tuple[Volume, NiftiSource]:
    """Read a NIfTI file.

    Args:
        path: the file; whether it is gzipped is seen from its bytes, not from its name.
        frame: which frame of a time series, from 0.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        UnreadableError: not a NIfTI file, truncated or damaged.
        UnsupportedError: colour, complex numbers, or one file of a .hdr/.img pair.
        GeometryError: an empty axis, or an affine that cannot be inverted.
        AmbiguousError: several frames, and no selection.
        UsageError: no such frame.
        InputError: the file cannot be read.
    """
    data, opened = _through(path, frame, read_frame)
    header = opened.header
    source = NiftiSource(
        path=path,
        sha256=opened.sha256,
        selection=Selection(frame=frame),
        facts=facts_of(header, frame),
        warnings=header.warnings,
        header=opened.block,
        axes=min(len(header.sizes), 3),
        stored=opened.stored,
        place=opened.place,
        positions=header.positions,
    )
    return Volume(data, header.affine, opened.encoding), source


@dataclass(frozen=True, eq=False)
class _Opened:
    """What was learned of a file while one of its frames was read: hash, header as read and as bytes, place."""

    sha256: str
    header: Header
    block: bytes
    stored: Stored
    encoding: Encoding
    place: Place


def _through(
    path: Path, frame: int | None, read: Callable[[BinaryIO, Stored, int], tuple[_Read, Place]]
) -> tuple[_Read, _Opened]:
    """Read the selected frame of a file by `read`, check the whole file, and return both results."""
    with read_errors(path), path.open("rb") as file:
        digest = stream_digest(file)
        header, block = _parsed(file, path)
        stored, encoding = restorable(header)
        number = chosen_frame(header, frame)
        with memory_for(stored.frame_bytes, path):
            found, place = read(file, stored, number)
    refuse_overlap(block, header, place.tail - (stored.frames - 1 - number) * stored.frame_bytes)
    return found, _Opened(digest, header, block, stored, encoding, place)


def _frames(path: Path) -> Iterator[Volume]:
    """Yield every frame of a file of which one was read, so that it is known to hold all."""
    with read_errors(path), path.open("rb") as file:
        header, _ = _parsed(file, path)
        stored, encoding = restorable(header)
        for data in frames_in(file, stored):
            yield Volume(data, header.affine, encoding)


def inspect_nifti(path: Path) -> Inspection:
    """Return what the header of a NIfTI file says; the voxels are not read.

    Raises:
        UnreadableError: not a NIfTI header.
        UnsupportedError: a pair of files.
        InputError: the file cannot be read.
    """
    with read_errors(path), path.open("rb") as file:
        return inspection_of(_parsed(file, path)[0])


def write_mask(mask: Mask, affine: Affine, path: Path, *, product: str | None = None) -> None:
    """Write a mask as uint8 NIfTI-1, 1 = repair; the same mask gives the same bytes.

    Args:
        mask: True = repair, (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4). Where the grid is sheared it goes into the
            sform alone, since the qform cannot represent it.
        path: the file to write; gzipped where it ends in ``.gz``.
        product: ending of the restored scan that the mask belongs to, empty for a folder; the header says so, see
            `own_ending`. None for any other mask.

    Raises:
        MedpaintError: `path` cannot be written.
    """
    note = b"" if product is None else MASK_NOTE + product.encode()
    _write_mask(mask_header(mask.shape, affine, note=note), mask, path)


def own_ending(path: Path) -> str | None:
    """Return the ending of the restored scan that a mask written by medpaint belongs to, as its header says.

    It is empty for the folder of a series, and None where the file is anything else than such a mask.
    """
    try:
        check_regular(path)
        with read_errors(path), path.open("rb") as file:
            _, block = _parsed(file, path)
    except InputError:
        return None
    note = note_in(block, path)
    return note.removeprefix(MASK_NOTE).decode("latin-1") if note.startswith(MASK_NOTE) else None


def _write_mask(header: bytes, mask: Mask, path: Path) -> None:
    """Write a header and after it a mask, (I, J, K), as uint8."""
    planes = (np.asarray(mask[:, :, k], np.uint8).reshape(-1, order="F").data for k in range(mask.shape[2]))
    with replacing(path) as part, part.open("wb") as out:
        pack(chain([header], planes), out, _packing_for(path))


def _ending(packing: Packing) -> str:
    """Return the ending of files with this packing."""
    return ".nii" if packing == "none" else ".nii.gz"


def _packing_for(path: Path) -> Packing:
    """Return how a file of that name is packed."""
    return "gzip" if path.suffix.lower() == ".gz" else "none"


def _packing_of(file: BinaryIO) -> Packing:
    """Return how an open file is packed, from its first bytes."""
    return "gzip" if file.read(2) == _GZIP_MAGIC else "none"


def _parsed(file: BinaryIO, path: Path) -> tuple[Header, bytes]:
    """Return what the header of an open file says, and the bytes that hold it."""
    packing = _packing_of(file)
    with unpacked(file, packing) as stream:
        block = stream.read(LONGEST_HEADER)
    return parse_nifti(block, path, packing), block


def _read(path: Path, selection: Selection) -> tuple[Volume, NiftiSource]:
    """Read the selected frame of a file."""
    return read_nifti(path, frame=frame_of(selection, path))


def _inspect(path: Path, progress: Progress | None) -> list[Inspection]:
    """Return what the header of a file says."""
    del progress
    return [inspect_nifti(path)]


def _endings(path: Path) -> tuple[str, ...]:
    """Return the ending of a product, which is packed as the file is."""
    with read_errors(path), path.open("rb") as file:
        return (_ending(_packing_of(file)),)


def _files(path: Path) -> tuple[Path, ...]:
    """Return the one file."""
    return (path,)


FORMAT: Final = Format(read=_read, inspect=_inspect, endings=_endings, files=_files, frames=_frames)
