"""Compressed DICOM files, made where a test needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pydicom
from dicom_phantom import Phantom
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medpaint.io.codecs import decoder_process

gdcm: Any = import_module("gdcm")

SYNTAXES: Final = (
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
)
"""A transfer syntax of each kind of compression that can be written here."""


def series(folder: Path, syntax: UID, shape: tuple[int, int, int] = (40, 36, 3), **settings: Any) -> list[Path]:
    """Write a compressed series and return its files."""
    if syntax == JPEGBaseline8Bit:
        settings = {"dtype": "uint8", "bits_stored": 8, **settings}
    files = Phantom(shape=shape, **settings).write(folder)
    for file in files:
        compress(file, syntax)
    return files


def compress(file: Path, syntax: UID) -> None:
    """Compress a file in place."""
    reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(file))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    parts = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    fragments = [
        parts.GetFragment(index).GetByteValue().GetBuffer() for index in range(parts.GetNumberOfFragments())
    ]
    rewrite(file, [one.encode("utf-8", "surrogateescape") for one in fragments], TransferSyntaxUID=syntax)


def frames_of(file: Path) -> list[bytes]:
    """Return the compressed frames of a file."""
    dataset = pydicom.dcmread(file)
    return list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))


def rewrite(file: Path, frames: Sequence[bytes], *, fragments: int = 1, **attributes: Any) -> None:
    """Replace the compressed frames of a file, each in so many fragments, and some of its attributes."""
    dataset = pydicom.dcmread(file)
    dataset.PixelData = encapsulate(list(frames), fragments_per_frame=fragments)
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    for keyword, value in attributes.items():
        setattr(dataset.file_meta if keyword == "TransferSyntaxUID" else dataset, keyword, value)
    dataset.save_as(file)


def change(file: Path, edit: Callable[[bytes], bytes]) -> None:
    """Change the first compressed frame of a file."""
    first, *others = frames_of(file)
    rewrite(file, [edit(first), *others])


@contextmanager
def broken_decoder(words: str) -> Iterator[None]:
    """Run another program in place of the one that decodes: it says that it is ready, and does this at a frame."""
    start = decoder_process._START
    decoder_process._START = "import os, sys; print('ready', flush=True); input(); " + words  # type: ignore[misc]
    decoder_process._worker.cache_clear()
    try:
        yield
    finally:
        decoder_process._START = start  # type: ignore[misc]
        decoder_process._worker.cache_clear()
