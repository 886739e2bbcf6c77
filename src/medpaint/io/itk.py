"""NRRD and MetaImage files, header and voxels in one file or in two.

The header is written back as it was read; of it, only the name and the packed size of the voxels' file may change.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import combined_digest, stream_digest
from medpaint.io.finding import Finding
from medpaint.io.header import Header, chosen_frame, facts_of, finding_of, restorable
from medpaint.io.metaimage import metaimage_with_data_file, parse_metaimage
from medpaint.io.nrrd import nrrd_with_data_file, parse_nrrd
from medpaint.io.sniff import kind_of_content
from medpaint.io.source import Derivation
from medpaint.io.stored import Place, Stored, bytes_with, pack, read_errors, read_frame, reopened

__all__ = ["ItkSource", "inspect_itk", "read_itk"]

_ENDINGS: Final = {
    ("nrrd", True): ".nrrd",
    ("nrrd", False): ".nhdr",
    ("metaimage", True): ".mha",
    ("metaimage", False): ".mhd",
}
"""Format, and whether header and voxels are one file, to the ending of its name."""

_DATA_ENDINGS: Final = {"none": ".raw", "gzip": ".raw.gz", "zlib": ".zraw"}


@dataclass(frozen=True, eq=False)
class ItkSource:
    """The NRRD or MetaImage file that a volume was read from.

    Attributes:
        path: the file with the header.
        kind: ``nrrd`` or ``metaimage``.
        sha256: hash of its bytes; of both files' hashes where the voxels are in a file of their own.
        facts: shape, axes, frames, encoding.
        warnings: what was noticed, a sentence each.
        digests: hash of every file that it consists of, the header's first.
        stored: where its voxels lie.
        place: where in it the frame was that was read.
    """

    path: Path
    kind: str
    sha256: str
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    digests: Mapping[Path, str]
    stored: Stored
    place: Place

    @property
    def suffix(self) -> str:
        """Ending of a product of the same kind."""
        return _ENDINGS[self.kind, self._attached]

    @property
    def _attached(self) -> bool:
        """Whether header and voxels are one file."""
        return self.stored.path == self.path

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` in the place of the frame that was read, packed as the source was.

        Where the voxels are in a file of their own, it is named after `path` and put in its place first.

        Args:
            data: stored values, (I, J, K), of the dtype of the volume that was read.
            mask: not needed for this format.
            path: the file with the header to make.
            derivation: left to the record.

        Raises:
            InputError: the source is gone or has changed since it was read.
            MedpaintError: `path` cannot be written.
        """
        del mask, derivation
        with ExitStack() as stack:
            files = {name: stack.enter_context(reopened(name, digest)) for name, digest in self.digests.items()}
            packed = io.BytesIO()
            pack(bytes_with(files[self.stored.path], self.stored, self.place, data), packed, self.stored.packing)
            header = files[self.path]
            header.seek(0)
            text = header.read(self.stored.start) if self._attached else header.read()
            if self._attached:
                _write(path, self._rewritten(text, "", packed), packed)
            else:
                self._write_apart(path, text, packed)

    def _write_apart(self, path: Path, text: bytes, packed: io.BytesIO) -> None:
        """Write the voxels to a file beside `path`, then the header to `path`."""
        data_path = path.with_name(path.stem + _DATA_ENDINGS[self.stored.packing])
        with replacing(path) as part:
            part.write_bytes(self._rewritten(text, data_path.name, packed))
            with replacing(data_path) as data_part:
                data_part.write_bytes(packed.getbuffer())

    def _rewritten(self, text: bytes, data_file: str, packed: io.BytesIO) -> bytes:
        """Return the header for voxels in `data_file`, or after it where that is empty."""
        if self.kind == "metaimage":
            return metaimage_with_data_file(text, data_file, len(packed.getbuffer()))
        return nrrd_with_data_file(text, data_file) if data_file else text


def read_itk(path: Path, *, frame: int | None = None) -> tuple[Volume, ItkSource]:
    """Read a NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file.

    Args:
        path: the file, or the header where the voxels are in a file of their own.
        frame: which frame of a time series, from 0.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        UnreadableError: neither format, truncated or damaged.
        UnsupportedError: colour, vectors, voxels as text or in several files.
        GeometryError: an empty axis, or axes that span no volume.
        AmbiguousError: several frames and none chosen.
        UsageError: a frame that is not there.
        InputError: a file cannot be read.
    """
    with _parsed(path) as (header, file):
        stored, encoding = restorable(header)
        number = chosen_frame(header, frame)
        digests = {path: stream_digest(file)}
        if header.data_path != path:
            with read_errors(header.data_path), header.data_path.open("rb") as data_file:
                digests[header.data_path] = stream_digest(data_file)
                data, place = read_frame(data_file, stored, number)
        else:
            data, place = read_frame(file, stored, number)
    sha256 = digests[path] if len(digests) == 1 else combined_digest(digests.values())
    source = ItkSource(path, header.kind, sha256, facts_of(header, frame), header.warnings, digests, stored, place)
    return Volume(data, header.affine, encoding), source


def inspect_itk(path: Path) -> Finding:
    """Say what the header of a NRRD or MetaImage file says; the voxels are not read.

    Raises:
        UnreadableError: the header is none.
        UnsupportedError: voxels as text or in several files.
        GeometryError: time depends on space.
        InputError: the file cannot be read.
    """
    with _parsed(path) as (header, _):
        return finding_of(header)


@contextmanager
def _parsed(path: Path) -> Iterator[tuple[Header, BinaryIO]]:
    """Yield the header of a file, and the file, open at its start."""
    with read_errors(path), path.open("rb") as file:
        header = (parse_nrrd if kind_of_content(path) == "nrrd" else parse_metaimage)(file, path)
        file.seek(0)
        yield header, file


def _write(path: Path, text: bytes, packed: io.BytesIO) -> None:
    """Write a header and the voxels after it."""
    with replacing(path) as part, part.open("wb") as out:
        out.write(text)
        out.write(packed.getbuffer())
