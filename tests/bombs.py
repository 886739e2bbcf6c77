"""Small files that claim, or expand to, far more memory than they should take."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import codestreams
import numpy as np
import pydicom
from dicom_phantom import Phantom
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

GIGABYTE: Final = 2**30
SMALL: Final = np.arange(512, dtype=np.int16).reshape(8, 8, 8)


@cache
def zeros(size: int, wbits: int) -> bytes:
    """Return so many zeros, deflated."""
    packer = zlib.compressobj(9, wbits=wbits)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def _metaimage(folder: Path) -> Path:
    file = folder / "scan.mha"
    sitk.WriteImage(sitk.GetImageFromArray(SMALL), str(file), useCompression=True)
    head, _ = file.read_bytes().split(b"LOCAL\n")
    packed = zeros(805 * 2**20, zlib.MAX_WBITS)
    lines = [line for line in head.split(b"\n") if not line.startswith(b"CompressedDataSize")]
    lines.insert(1, b"CompressedDataSize = %d" % len(packed))
    file.write_bytes(b"\n".join(lines) + b"LOCAL\n" + packed)
    return file


def _nifti(folder: Path) -> Path:
    file = folder / "scan.nii.gz"
    nib.save(nib.Nifti1Image(SMALL, np.eye(4)), file)
    head = gzip.decompress(file.read_bytes())[:352]
    file.write_bytes(gzip.compress(head) + zeros(GIGABYTE, zlib.MAX_WBITS | 16))
    return file


def _nifti_claim(folder: Path) -> Path:
    """Return a file whose header claims a thousand times its size, and which has nothing of it."""
    file = folder / "scan.nii.gz"
    nib.save(nib.Nifti1Image(SMALL, np.eye(4)), file)
    raw = bytearray(gzip.decompress(file.read_bytes()))
    raw[40:56] = np.array([3, 30000, 30000, 1, 1, 1, 1, 1], "<i2").tobytes()
    file.write_bytes(gzip.compress(bytes(raw)) + gzip.compress(np.random.default_rng(0).bytes(2**21)))
    return file


def _nrrd(folder: Path) -> Path:
    file = folder / "scan.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(SMALL), str(file), useCompression=True)
    head, _ = file.read_bytes().split(b"\n\n", 1)
    file.write_bytes(head + b"\n\n" + zeros(GIGABYTE, zlib.MAX_WBITS | 16))
    return file


def _deflated(size: int, folder: Path) -> Path:
    for file in Phantom(syntax=DeflatedExplicitVRLittleEndian, shape=(6, 5, 16)).write(folder / "scan"):
        raw = file.read_bytes()
        start = 144 + int.from_bytes(raw[140:144], "little")
        inside = zlib.decompress(raw[start:], -zlib.MAX_WBITS)
        packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        head = packer.compress(inside + b"\xfc\xff\xfc\xffOB\0\0" + size.to_bytes(4, "little"))
        head += packer.flush(zlib.Z_FULL_FLUSH)  # after which any stream may follow
        file.write_bytes(raw[:start] + head + zeros(size, -zlib.MAX_WBITS))
    return folder / "scan"


def _claimed(syntax: UID, claims: dict[str, int], folder: Path) -> Path:
    files = Phantom().write(folder / "scan") if syntax == ExplicitVRLittleEndian else []
    for file in files or codestreams.series(folder / "scan", syntax):
        dataset = pydicom.dcmread(file)
        for keyword, value in claims.items():
            setattr(dataset, keyword, value)
        dataset.save_as(file)
    return folder / "scan"


def _rle(folder: Path) -> Path:
    """Return a series whose frames expand to a gigabyte where 40 x 36 pixels are stated."""
    for file in codestreams.series(folder / "scan", RLELossless):
        codestreams.change(file, lambda frame: frame + b"\x81\0" * (GIGABYTE >> 7))
    return folder / "scan"


def _jpeg_2000(place: int, folder: Path) -> Path:
    """Return a series with 2^31 - 1 at a place of the size segment; the data set says 65,535."""
    for file in codestreams.series(folder / "scan", JPEG2000Lossless):
        codestreams.change(file, lambda frame: frame[:place] + b"\x7f\xff\xff\xff" + frame[place + 4 :])
    return folder / "scan"


def _padded(syntax: UID, folder: Path) -> Path:
    """Return a series that claims what its files, with much after the image, could hold."""
    for file in codestreams.series(folder / "scan", syntax):
        (frame,) = codestreams.frames_of(file)
        codestreams.rewrite(file, [frame + bytes(2**22)], Rows=65535, Columns=32000)
    return folder / "scan"


def _segmentation(claims: dict[str, int], folder: Path) -> Path:
    import fuzzed

    (folder / "made").mkdir()
    file = fuzzed.KINDS["segmentation"](folder / "made").file
    dataset = pydicom.dcmread(file)
    del dataset.PerFrameFunctionalGroupsSequence
    for keyword, value in claims.items():
        setattr(dataset, keyword, value)
    dataset.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


HUGE: Final = {"Rows": 65535, "Columns": 65535}
MANY: Final = {"NumberOfFrames": 2_000_000_000}

BOMBS: Final[dict[str, Callable[[Path], Path]]] = {
    "metaimage": _metaimage,
    "nifti": _nifti,
    "nifti-claim": _nifti_claim,
    "nrrd": _nrrd,
    "deflated-gigabyte": partial(_deflated, GIGABYTE),
    "deflated-below-limit": partial(_deflated, 60 * 2**20),
    "plain-huge": partial(_claimed, ExplicitVRLittleEndian, HUGE),
    "plain-many": partial(_claimed, ExplicitVRLittleEndian, MANY),
    "jpeg-2000-huge": partial(_claimed, JPEG2000Lossless, HUGE),
    "jpeg-2000-many": partial(_claimed, JPEG2000Lossless, MANY),
    "jpeg-2000-width": partial(_jpeg_2000, 8),
    "jpeg-2000-height": partial(_jpeg_2000, 12),
    "jpeg-2000-padded": partial(_padded, JPEG2000Lossless),
    "jpeg-ls-padded": partial(_padded, JPEGLSLossless),
    "rle": _rle,
    "rle-huge": partial(_claimed, RLELossless, HUGE),
    "segmentation-huge": partial(_segmentation, HUGE),
    "segmentation-many": partial(_segmentation, MANY),
}
"""What makes each in a folder, and returns what is read: a file, or the folder of a series."""
