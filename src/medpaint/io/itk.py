"""NRRD and MetaImage files, header and voxels in one file or in two.

ITK reads the headers and writes the products; the voxels are read by this package. The parts of a header that ITK
understands are written back: grid, kinds, measurement frame, key/value pairs.
Comments and other fields are lost, the byte order becomes the machine's, and the space of a NRRD header LPS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.text import known_words
from medpaint.core.types import Affine, Array, Mask, Progress
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import combined_digest, file_digest
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
    without_trailing_ones,
)
from medpaint.io.header_words import SPACES
from medpaint.io.inspected import Inspection
from medpaint.io.itk_image import (
    TYPES,
    ItkImage,
    affine_of,
    blank_image,
    erase_texts,
    opened,
    replace_frame,
    type_name,
    write_image,
)
from medpaint.io.itk_text import HeaderText, read_header_text
from medpaint.io.itk_units import keep_line, units_of
from medpaint.io.meta_geometry import scaling_warnings
from medpaint.io.nifti import write_mask
from medpaint.io.readback import Comparison, compared
from medpaint.io.selection import Selection
from medpaint.io.shortage import memory_for
from medpaint.io.sniff import kind_of_content
from medpaint.io.source import Derivation, ReadBack
from medpaint.io.stored import Place, Stored, frames_in, read_errors, read_frame, reopened

__all__ = ["FORMAT", "ItkSource", "inspect_itk", "read_itk"]

_Read = TypeVar("_Read")

_ENDINGS: Final = {
    ("nrrd", True): (".nrrd",),
    ("nrrd", False): (".nhdr", ".raw", ".raw.gz"),
    ("metaimage", True): (".mha",),
    ("metaimage", False): (".mhd", ".raw", ".zraw"),
}
"""Format, and whether header and voxels are one file, to the endings of what ITK may write, the header's first."""

_SEGMENT: Final = "Segment0_ID"
"""Key in the header of a segmentation of 3D Slicer."""


@dataclass(frozen=True, eq=False)
class ItkSource:
    """The NRRD or MetaImage file that a volume was read from; see `Source`.

    Attributes:
        sha256: hash of the file; of both files' hashes where the voxels are in a separate one.
        digests: hash of each of its files, the header's first.
        stored: where its voxels are.
        frame: number of the frame that was read.
        affine: voxel index to RAS+ millimetres, (4, 4).
    """

    path: Path
    kind: str
    sha256: str
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    digests: Mapping[Path, str]
    stored: Stored
    frame: int
    selection: Selection
    affine: Affine
    positions: Mapping[str, Affine]
    absent: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The file with the header, and the one with the voxels if separate."""
        return tuple(self.digests)

    @property
    def suffix(self) -> str:
        """Ending of a product of the same kind."""
        return _ENDINGS[self.kind, len(self.digests) == 1][0]

    @property
    def identity(self) -> str:
        """Hash of the file or files, and which frame."""
        return frame_name(self.sha256, self.selection.frame)

    def recorded_facts(self, secret: bytes = b"") -> Mapping[str, str | int | float]:
        """Return the facts, none of which is an identifier; with a secret, what was left out of the product."""
        return {**self.facts, **TEXTS_REMOVED} if secret else self.facts

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` in the place of the frame that was read, compressed where the source was.

        A separate file for the voxels is named after `path` and put in its place first.
        With a secret, texts of the header are left out.
        """
        del mask
        with ExitStack() as stack:
            *_, voxels = [stack.enter_context(reopened(name, digest)) for name, digest in self.digests.items()]
            text = read_header_text(self.path, self.kind)
            image = blank_image(text, self.stored.total_bytes)
            for number, frame in enumerate(frames_in(voxels, self.stored)):
                replace_frame(image, number, data if number == self.frame else frame)
            if derivation.secret:
                erase_texts(image, self.kind)
        with replacing(path) as part:
            write_image(image, part, self.kind, compressed=self.stored.packing != "none")
            keep_line(part, self.kind, units_of(text).line)
            for file in set(part.parent.iterdir()) - {part}:
                with replacing(path.with_name(file.name)) as data_part:
                    file.replace(data_part)

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
        """Write a mask as NIfTI on the scan's grid."""
        del segmentation, derivation
        write_mask(mask, self.affine, nifti, product=None if restored is None else self.suffix)
        return ()


def read_itk(path: Path, *, frame: int | None = None) -> tuple[Volume, ItkSource]:
    """Read a NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file.

    Args:
        path: the file, or the header where the voxels are in a separate file.
        frame: which frame of a time series, from 0.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        UnreadableError: neither format, truncated or damaged.
        UnsupportedError: colour, vectors, voxels as text or in several files.
        GeometryError: an empty axis, or axes that span no volume.
        AmbiguousError: several frames, and no selection.
        UsageError: no such frame.
        InputError: a file cannot be read.
    """
    data, opened = _through(path, frame, read_frame)
    header = opened.header
    source = ItkSource(
        path=path,
        kind=header.kind,
        sha256=opened.sha256,
        facts=facts_of(header, frame),
        warnings=header.warnings,
        digests=opened.digests,
        stored=opened.stored,
        frame=opened.number,
        selection=Selection(frame=frame),
        affine=header.affine,
        positions=header.positions,
    )
    return Volume(data, header.affine, opened.encoding), source


@dataclass(frozen=True, eq=False)
class _Opened:
    """What was learned of a file while one of its frames was read; see `ItkSource`."""

    header: Header
    digests: Mapping[Path, str]
    stored: Stored
    encoding: Encoding
    number: int

    @property
    def sha256(self) -> str:
        """Hash of the file; of both files' hashes where the voxels are in a separate one."""
        digests = list(self.digests.values())
        return digests[0] if len(digests) == 1 else combined_digest(digests)


def _through(
    path: Path, frame: int | None, read: Callable[[BinaryIO, Stored, int], tuple[_Read, Place]]
) -> tuple[_Read, _Opened]:
    """Read the selected frame of a file by `read`, and return both results."""
    text, header = _parsed(path)
    stored, encoding = restorable(header)
    number = chosen_frame(header, frame)
    digests = {file: file_digest(file) for file in (path, text.data_path)}
    size = stored.frame_bytes
    with read_errors(text.data_path), memory_for(size, text.data_path), text.data_path.open("rb") as file:
        found, _ = read(file, stored, number)
    return found, _Opened(header, digests, stored, encoding, number)


def _frames(path: Path) -> Iterator[Volume]:
    """Yield every frame of a file of which one was read, so that it is known to hold all."""
    text, header = _parsed(path)
    stored, encoding = restorable(header)
    with read_errors(text.data_path), text.data_path.open("rb") as file:
        for data in frames_in(file, stored):
            yield Volume(data, header.affine, encoding)


def inspect_itk(path: Path) -> Inspection:
    """Return what the header of a NRRD or MetaImage file says; the voxels are not read.

    Raises:
        UnreadableError: not such a header.
        UnsupportedError: voxels as text or in several files.
        GeometryError: time depends on space.
        InputError: the file cannot be read.
    """
    return inspection_of(_parsed(path)[1])


def _read(path: Path, selection: Selection) -> tuple[Volume, ItkSource]:
    """Read the selected frame of a file."""
    return read_itk(path, frame=frame_of(selection, path))


def _inspect(path: Path, progress: Progress | None) -> list[Inspection]:
    """Return what the header of a file says."""
    del progress
    return [inspect_itk(path)]


def _endings(path: Path) -> tuple[str, ...]:
    """Return the endings of a product, which is one file or two as the scan is."""
    form = _form(path)
    return _ENDINGS[form, read_header_text(path, form).data_path == path]


def _files(path: Path) -> tuple[Path, ...]:
    """Return the file with the header, and the one with the voxels if separate."""
    return tuple(dict.fromkeys((path, read_header_text(path, _form(path)).data_path)))


FORMAT: Final = Format(read=_read, inspect=_inspect, endings=_endings, files=_files, frames=_frames)


def _form(path: Path) -> str:
    """Return which of the two formats a file has; MetaImage has no mark of its own."""
    return "nrrd" if kind_of_content(path) == "nrrd" else "metaimage"


def _parsed(path: Path) -> tuple[HeaderText, Header]:
    """Return the header of a file as text, and as ITK understands it."""
    form = _form(path)
    text = read_header_text(path, form)
    reader = opened(path, form)
    kind = TYPES.get(reader.GetPixelID())
    if kind and reader.GetSize() != text.sizes:
        message = f"{path} is damaged: its header states {text.sizes} voxels, ITK reads {reader.GetSize()}"
        raise UnreadableError(message)
    units = units_of(text)
    affine = affine_of(reader, path)
    dtype = np.dtype(kind).newbyteorder(text.order) if kind else None
    noticed = _warnings(text, reader) if form == "nrrd" else scaling_warnings(text.fields, text.path)
    header = Header(
        path=path,
        kind=form,
        sizes=without_trailing_ones(text.sizes),
        type_name=kind or type_name(reader),
        dtype=dtype,
        affine=units.in_millimetres(affine),
        packing=text.packing,
        packed=text.packed,
        start=text.start,
        offset=_offset(text, dtype),
        facts={"encoding": "raw" if text.packing == "none" else text.packing},
        is_mask=reader.HasMetaDataKey(_SEGMENT),
        warnings=units.warnings + noticed,
        positions=units.positions(affine),
    )
    return text, header


def _offset(text: HeaderText, dtype: np.dtype[Any] | None) -> int:
    """Return the unpacked bytes before the first voxel, counted from the end where the header says so."""
    if text.offset >= 0:
        return text.offset
    return max(0, text.packed - prod(text.sizes) * (dtype.itemsize if dtype else 1))


def _warnings(text: HeaderText, reader: ItkImage) -> tuple[str, ...]:
    """Return what users should know about a NRRD header, a sentence each.

    Raises:
        UnsupportedError: a series in a space that ITK converts to LPS for single volumes only.
    """
    space = reader.GetMetaData("NRRD_space") if reader.HasMetaDataKey("NRRD_space") else ""
    if "anterior" in space:
        message = (
            f"{text.path}: expected frames in the space left-posterior-superior, got {known_words(space, SPACES)}"
        )
        raise UnsupportedError(message)
    warnings = []
    if not space.startswith("left-posterior-superior"):
        warnings.append("The header does not name its space: left-posterior-superior is assumed.")
    if "spacedirections" not in text.fields:
        warnings.append("The header has no directions of the axes: the order of the space is assumed.")
    return tuple(warnings)
