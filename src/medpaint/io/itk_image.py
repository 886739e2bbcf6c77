"""Images in ITK: read, changed in place, and written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import numpy as np

from medpaint.core.errors import GeometryError, MedpaintError, UnreadableError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Array
from medpaint.io.itk_text import HeaderText, stand_in
from medpaint.io.stored import read_errors

__all__ = [
    "TYPES",
    "ItkImage",
    "affine_of",
    "blank_image",
    "erase_texts",
    "opened",
    "replace_frame",
    "type_name",
    "write_image",
]

sitk: Any = import_module("SimpleITK")
ItkImage: TypeAlias = Any
"""An image or its reader; SimpleITK does not say what types its functions take."""

_READERS: Final = {"nrrd": "NrrdImageIO", "metaimage": "MetaImageIO"}

TYPES: Final = {
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
"""ITK's types of one real number per voxel."""

_CHECKED: Final = {
    "nrrd": re.compile(r"NRRD_(space|measurement frame|(kinds|centerings|thicknesses)\[[0-9]+\])"),
    "metaimage": re.compile(r"Modality"),
}
"""Keys of a header whose values are numbers, or words that ITK knows."""


def type_name(reader: ItkImage) -> str:
    """Return ITK's own name of the type of a voxel."""
    return str(sitk.GetPixelIDValueAsString(reader.GetPixelID()))


def replace_frame(image: ItkImage, number: int, data: Array) -> None:
    """Put values in the place of one frame of an image.

    Raises:
        ValueError: `data` has another shape or type than a frame.
    """
    sizes = image.GetSize()
    shape, dtype = (*sizes, 1)[:3], TYPES[image.GetPixelID()]
    if data.shape != shape or data.dtype != dtype:
        message = f"expected {dtype}{shape}, got {data.dtype}{data.shape}"
        raise ValueError(message)
    # Only in place: a copy to another image loses parts of the header.
    frame = [int(index) for index in np.unravel_index(number, sizes[3:], order="F")]
    place = (*(slice(None) for _ in sizes[:3]), *frame)
    image[place] = sitk.GetImageFromArray(data.reshape(sizes[:3]).T)
    for key in image.GetMetaDataKeys():
        if key.startswith("ITK_"):
            image.EraseMetaData(key)


def erase_texts(image: ItkImage, kind: str) -> None:
    """Erase what a header of a kind says besides the grid, whose words ITK has checked."""
    for key in image.GetMetaDataKeys():
        if not _CHECKED[kind].fullmatch(key):
            image.EraseMetaData(key)


def affine_of(reader: ItkImage, path: Path) -> Affine:
    """Return the affine, from ITK's LPS to RAS+; a fourth axis is time.

    Raises:
        GeometryError: time and space depend on each other.
    """
    axes = len(reader.GetSize())
    count = min(axes, 3)
    steps = np.reshape(reader.GetDirection(), (axes, axes)) * reader.GetSpacing()
    if steps[count:, :count].any() or steps[:count, count:].any():
        message = f"{path}: expected a time axis independent of the axes in space, got {steps.tolist()}"
        raise GeometryError(message)
    affine = np.eye(4)
    affine[:count, :count] = steps[:count, :count]
    affine[:count, 3] = reader.GetOrigin()[:count]
    return np.asarray(LPS_TO_RAS @ affine + 0.0)  # no negative zeros


def opened(path: Path, kind: str) -> ItkImage:
    """Return ITK's reader, after it has read the header."""
    sitk.ProcessObject.GlobalWarningDisplayOff()
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[kind])
    reader.SetFileName(str(path))
    with _itk_errors(path):
        reader.ReadImageInformation()
    return reader


def blank_image(text: HeaderText, size: int) -> ItkImage:
    """Return an image with all that ITK knows of a header, and zeros for voxels.

    Args:
        text: of the header.
        size: bytes of all voxels, or more.
    """
    with TemporaryDirectory() as folder:
        # Only so does an image get every part of the header; ITK is given no packed voxels, see `itk_text`.
        path = Path(folder, "header")
        with read_errors(path), path.open("wb") as file:
            file.write(stand_in(text))
            file.truncate(file.tell() + size)
        with _itk_errors(text.path):
            return opened(path, text.kind).Execute()


def write_image(image: ItkImage, path: Path, kind: str, *, compressed: bool) -> None:
    """Write an image to one file or two, depending on the ending of `path`."""
    writer = sitk.ImageFileWriter()
    writer.SetImageIO(_READERS[kind])
    writer.SetFileName(str(path))
    writer.SetUseCompression(compressed)
    try:
        writer.Execute(image)
    except RuntimeError as error:
        message = (
            f"cannot write {path}: ITK failed; check that there is space, and that the folder can be written to"
        )
        raise MedpaintError(message) from error


@contextmanager
def _itk_errors(path: Path) -> Iterator[None]:
    """Turn ITK's errors into one line about `path`."""
    try:
        yield
    except RuntimeError as error:
        message = f"{path} is damaged, or of a kind that ITK cannot read"
        raise UnreadableError(message) from error
