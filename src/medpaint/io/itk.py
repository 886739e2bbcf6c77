"""NRRD and MetaImage files, header and voxels in one file or in two, read and written by ITK.

What ITK knows of a header is written back: grid, kinds, measurement frame, pairs of key and value. Comments and
fields that it does not know are lost, the byte order becomes the machine's, and a NRRD header's world becomes LPS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import numpy as np

from medpaint.core.errors import GeometryError, MedpaintError, UnreadableError, UnsupportedError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.atomic import replacing
from medpaint.io.digest import combined_digest, file_digest
from medpaint.io.inspected import Inspection
from medpaint.io.header import Header, chosen_frame, facts_of, inspection_of, restorable, without_trailing_ones
from medpaint.io.itk_text import HeaderText, read_header_text, refuse_damaged
from medpaint.io.sniff import kind_of_content
from medpaint.io.source import Derivation
from medpaint.io.stored import reopened

__all__ = ["ItkSource", "inspect_itk", "read_itk"]

sitk: Any = import_module("SimpleITK")
_Itk: TypeAlias = Any
"""SimpleITK does not say what types its functions take."""

_READERS: Final = {"nrrd": "NrrdImageIO", "metaimage": "MetaImageIO"}

_ENDINGS: Final = {
    ("nrrd", True): ".nrrd",
    ("nrrd", False): ".nhdr",
    ("metaimage", True): ".mha",
    ("metaimage", False): ".mhd",
}
"""Format, and whether header and voxels are one file, to the ending of its name."""

_TYPES: Final = {
    sitk.sitkUInt8: "uint8",
    sitk.sitkInt8: "int8",
    sitk.sitkUInt16: "uint16",
    sitk.sitkInt16: "int16",
    sitk.sitkUInt32: "uint32",
    sitk.sitkInt32: "int32",
    sitk.sitkUInt64: "uint64",
    sitk.sitkInt64: "int64",
    sitk.sitkFloat32: "float32",
    sitk.sitkFloat64: "float64",
}


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
        compressed: whether the voxels are.
        frame: which frame was read.
        absent: none; slices are put back in DICOM series only.
    """

    path: Path
    kind: str
    sha256: str
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    digests: Mapping[Path, str]
    compressed: bool
    frame: int
    absent: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The file with the header, and the one with the voxels where that is another."""
        return tuple(self.digests)

    @property
    def suffix(self) -> str:
        """Ending of a product of the same kind."""
        return _ENDINGS[self.kind, len(self.digests) == 1]

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` in the place of the frame that was read, compressed where the source was.

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
        for name, digest in self.digests.items():
            with reopened(name, digest):
                pass
        image = self._with(data)
        with replacing(path) as part, TemporaryDirectory(prefix=".part.", dir=path.parent) as folder:
            header = Path(folder) / path.name
            _write(image, header, self.kind, compressed=self.compressed)
            for file in set(Path(folder).iterdir()) - {header}:
                with replacing(path.with_name(file.name)) as data_part:
                    file.replace(data_part)
            header.replace(part)

    def _with(self, data: Array) -> _Itk:
        """Return the image that was read, with `data` in the place of one frame."""
        image = _executed(_reader(self.path, self.kind), self.path)
        sizes = image.GetSize()
        shape, dtype = (*sizes, 1)[:3], _TYPES[image.GetPixelID()]
        if data.shape != shape or data.dtype != dtype:
            message = f"expected {dtype}{shape}, got {data.dtype}{data.shape}"
            raise ValueError(message)
        # Only in place: what ITK knows of the header does not all survive a copy to another image.
        frame = [int(index) for index in np.unravel_index(self.frame, sizes[3:], order="F")]
        place = (*(slice(None) for _ in sizes[:3]), *frame)
        image[place] = sitk.GetImageFromArray(data.reshape(sizes[:3]).T)
        for key in image.GetMetaDataKeys():
            if key.startswith("ITK_"):
                image.EraseMetaData(key)
        return image


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
    text, reader, header = _parsed(path)
    stored, encoding = restorable(header)
    number = chosen_frame(header, frame)
    digests = {file: file_digest(file) for file in (path, text.data_path)}
    refuse_damaged(text, stored.total_bytes)
    image = _executed(reader, path)
    frames = sitk.GetArrayViewFromImage(image).T.reshape(*header.shape, -1, order="F")
    source = ItkSource(
        path=path,
        kind=header.kind,
        sha256=digests[path] if len(digests) == 1 else combined_digest(digests.values()),
        facts=facts_of(header, frame),
        warnings=header.warnings,
        digests=digests,
        compressed=text.packing != "none",
        frame=number,
    )
    return Volume(np.array(frames[..., number], order="F"), header.affine, encoding), source


def inspect_itk(path: Path) -> Inspection:
    """Say what the header of a NRRD or MetaImage file says; the voxels are not read.

    Raises:
        UnreadableError: the header is none.
        UnsupportedError: voxels as text or in several files.
        GeometryError: time depends on space.
        InputError: the file cannot be read.
    """
    return inspection_of(_parsed(path)[2])


def _parsed(path: Path) -> tuple[HeaderText, _Itk, Header]:
    """Return the header of a file as text, as ITK's reader, and as it is meant."""
    form = "nrrd" if kind_of_content(path) == "nrrd" else "metaimage"
    text = read_header_text(path, form)
    reader = _reader(path, form)
    kind = _TYPES.get(reader.GetPixelID())
    if kind and reader.GetSize() != text.sizes:
        message = f"{path} is damaged: its header announces {text.sizes} voxels, ITK reads {reader.GetSize()}"
        raise UnreadableError(message)
    header = Header(
        path=path,
        kind=form,
        sizes=without_trailing_ones(text.sizes),
        type_name=kind or sitk.GetPixelIDValueAsString(reader.GetPixelID()),
        dtype=np.dtype(kind) if kind else None,
        affine=_affine(reader, path),
        packing=text.packing,
        packed=text.packed,
        offset=text.offset,
        facts={"encoding": "raw" if text.packing == "none" else text.packing},
        warnings=_warnings(text, reader) if form == "nrrd" else (),
    )
    return text, reader, header


def _affine(reader: _Itk, path: Path) -> Affine:
    """Return the affine; ITK's world is LPS, and a fourth axis is time.

    Raises:
        GeometryError: time depends on space, or the other way round.
    """
    axes = len(reader.GetSize())
    count = min(axes, 3)
    steps = np.reshape(reader.GetDirection(), (axes, axes)) * reader.GetSpacing()
    if steps[count:, :count].any() or steps[:count, count:].any():
        message = f"{path}: expected a time axis apart from the axes in space, got {steps.tolist()}"
        raise GeometryError(message)
    affine = np.eye(4)
    affine[:count, :count] = steps[:count, :count]
    affine[:count, 3] = reader.GetOrigin()[:count]
    return np.asarray(LPS_TO_RAS @ affine + 0.0)  # no negative zeros


def _warnings(text: HeaderText, reader: _Itk) -> tuple[str, ...]:
    """Return what a person ought to know about a NRRD header, a sentence each.

    Raises:
        UnsupportedError: a series in a world that ITK turns to LPS for single volumes only.
    """
    space = reader.GetMetaData("NRRD_space") if reader.HasMetaDataKey("NRRD_space") else ""
    if "anterior" in space:
        message = f"{text.path}: expected the frames' world to be left-posterior-superior, got {space}"
        raise UnsupportedError(message)
    warnings = []
    if not space.startswith("left-posterior-superior"):
        warnings.append("The header does not say which side is left: left, posterior, superior is taken.")
    if "spacedirections" not in text.fields:
        warnings.append("The header does not say where the axes point: they are taken in the order of the space.")
    return tuple(warnings)


def _reader(path: Path, kind: str) -> _Itk:
    """Return ITK's reader, which has read the header."""
    sitk.ProcessObject.GlobalWarningDisplayOff()
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[kind])
    reader.SetFileName(str(path))
    with _itk_errors(path):
        reader.ReadImageInformation()
    return reader


def _executed(reader: _Itk, path: Path) -> _Itk:
    """Return the image."""
    with _itk_errors(path):
        return reader.Execute()


def _write(image: _Itk, path: Path, kind: str, *, compressed: bool) -> None:
    """Write an image, to one file or to two as the ending of `path` says."""
    writer = sitk.ImageFileWriter()
    writer.SetImageIO(_READERS[kind])
    writer.SetFileName(str(path))
    writer.SetUseCompression(compressed)
    try:
        writer.Execute(image)
    except RuntimeError as error:
        message = f"cannot write {path.name}: {_last_line(error)}"
        raise MedpaintError(message) from error


@contextmanager
def _itk_errors(path: Path) -> Iterator[None]:
    """Turn what ITK says into one line about `path`."""
    try:
        yield
    except RuntimeError as error:
        message = f"{path} is damaged, or ITK cannot read its kind: {_last_line(error)}"
        raise UnreadableError(message) from error


def _last_line(error: RuntimeError) -> str:
    """Return the last line of ITK's message that says something."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), "no reason given")
