"""What is damaged on purpose: a file of each kind that is read, and how it is looked at."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import codestreams
import numpy as np
import pydicom
from dicom_phantom import Phantom
from multiframe_phantom import enhanced, enhanced_pet, mosaic
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    RTStructureSetStorage,
)

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

DATA: Final = np.random.default_rng(0).integers(0, 99, (12, 10, 8), np.int16)

Coding = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Specimen:
    """A file to damage, and what is read then.

    Attributes:
        file: what is damaged.
        path: what is read: the file, or the folder of its series.
        scan: what the file is a mask of; None: it is a scan.
        unpack: from the bytes of the file to what is damaged.
        pack: and back.
    """

    file: Path
    path: Path
    scan: Path | None = None
    unpack: Coding = bytes
    pack: Coding = bytes

    def content(self) -> bytes:
        """Return what is damaged."""
        return self.unpack(self.file.read_bytes())

    def put(self, content: bytes) -> None:
        """Write the file with damaged content."""
        self.file.write_bytes(self.pack(content))

    def look(self) -> None:
        """Inspect and read it."""
        from medpaint.io.inspection import inspect
        from medpaint.io.reading import read_mask, read_scan

        inspect(self.path, deep=True)
        if self.scan is None:
            read_scan(self.path)
        else:
            volume, source = read_scan(self.scan)
            read_mask(self.path, volume, source, ())


def _single(path: Path) -> Specimen:
    """Return a specimen of a file of its own."""
    return Specimen(path, path)


def _nifti(name: str, folder: Path) -> Specimen:
    nib.save(nib.Nifti1Image(DATA, np.diag([-1.0, 2.0, 3.0, 1.0])), folder / name)
    return _single(folder / name)


def _nifti_2(folder: Path) -> Specimen:
    nib.save(nib.Nifti2Image(DATA, np.diag([-1.0, 2.0, 3.0, 1.0])), folder / "scan.nii")
    return _single(folder / "scan.nii")


def _gzipped(folder: Path) -> Specimen:
    file = _nifti("scan.nii.gz", folder).file
    return Specimen(file, file, unpack=gzip.decompress, pack=gzip.compress)


def _itk(name: str, packing: str, folder: Path) -> Specimen:
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(folder / name), useCompression=bool(packing))
    return _single(folder / name)


def _dicom(syntax: UID, folder: Path) -> Specimen:
    return Specimen(Phantom(syntax=syntax).write(folder)[2], folder)


def _deflated(folder: Path) -> Specimen:
    found = _dicom(DeflatedExplicitVRLittleEndian, folder)
    raw = found.file.read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")

    def pack(content: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return raw[:start] + packer.compress(content) + packer.flush()

    return Specimen(found.file, folder, unpack=lambda whole: zlib.decompress(whole[start:], -15), pack=pack)


def _compressed(syntax: UID, folder: Path) -> Specimen:
    return Specimen(codestreams.series(folder, syntax)[1], folder)


def _frame(syntax: UID, folder: Path) -> Specimen:
    """Return a specimen of which only the compressed frame is damaged."""
    found = _compressed(syntax, folder)
    (frame,) = codestreams.frames_of(found.file)
    dataset = pydicom.dcmread(found.file)

    def pack(content: bytes) -> bytes:
        dataset.PixelData = pydicom.encaps.encapsulate([content or b"\0"])
        dataset["PixelData"].is_undefined_length = True
        whole = pydicom.filebase.DicomBytesIO()
        dataset.save_as(whole)
        return whole.getvalue()

    return Specimen(found.file, folder, unpack=lambda _whole: frame, pack=pack)


def _enhanced(folder: Path) -> Specimen:
    (folder / "image").mkdir()
    enhanced(folder / "image" / "scan.dcm")
    return _single(folder / "image" / "scan.dcm")


def _enhanced_pet(folder: Path) -> Specimen:
    (folder / "image").mkdir()
    enhanced_pet(folder / "image" / "scan.dcm")
    return _single(folder / "image" / "scan.dcm")


def _pet(folder: Path) -> Specimen:
    """Return a specimen of a PET series with a private direction."""

    def change(dataset: FileDataset, _index: int) -> None:
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0E, "FD", [1.0, 0.0, 0.0])

    files = Phantom(modality="PT", bits_stored=16, change=change).write(folder)
    return Specimen(files[2], folder)


def _mosaic(folder: Path) -> Specimen:
    mosaic(folder / "image")
    return _single(folder / "image" / "m.dcm")


def _segmentation(folder: Path) -> Specimen:
    from medpaint.io.dicom import DicomSource
    from medpaint.io.reading import read_scan
    from medpaint.io.source import Derivation

    Phantom(shape=(12, 14, 6)).write(folder / "scan")
    volume, source = read_scan(folder / "scan")
    mask = np.zeros(volume.shape, bool)
    mask[2:6, 3:8, 1:3] = True
    assert isinstance(source, DicomSource)
    source.write(np.array(volume.data), mask, folder / "out", Derivation("done", "key"))
    source.write_mask(
        mask, folder / "m.nii", folder / "seg.dcm", restored=folder / "out", derivation=Derivation("done", "key")
    )
    return Specimen(folder / "seg.dcm", folder / "seg.dcm", scan=folder / "scan")


def _structures(folder: Path) -> Specimen:
    files = Phantom(shape=(12, 14, 6)).write(folder / "scan")
    scan = pydicom.dcmread(files[2])
    dataset, region, item, contour = Dataset(), Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = RTStructureSetStorage, "1.2.3.8.1", "RTSTRUCT"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3.8", "1.2"
    region.ROINumber, region.ROIName = 4, "hole"
    x, y, z = (float(value) for value in scan.ImagePositionPatient)
    corners = [(1.0, 1.0), (4.0, 1.0), (4.0, 5.0), (1.0, 5.0)]
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(corners)
    contour.ContourData = [f"{value:.3f}" for across, down in corners for value in (x + across, y + down, z)]
    item.ReferencedROINumber, item.ContourSequence = 4, [contour]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [region], [item]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, RTStructureSetStorage
    FileDataset("", dataset, file_meta=meta, preamble=bytes(128)).save_as(folder / "rt.dcm")
    return Specimen(folder / "rt.dcm", folder / "rt.dcm", scan=folder / "scan")


def _zip(folder: Path) -> Specimen:
    files = Phantom().write(folder / "scan")
    with zipfile.ZipFile(folder / "scan.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return _single(folder / "scan.zip")


def _tar(folder: Path) -> Specimen:
    files = Phantom().write(folder / "scan")
    with tarfile.open(folder / "scan.tar", "w") as archive:
        for file in files:
            archive.add(file, file.name)
    return _single(folder / "scan.tar")


def _made(make: Callable[[Path], Specimen], folder: Path) -> Specimen:
    """Make a specimen in a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return make(folder)


_MAKERS: Final[dict[str, Callable[[Path], Specimen]]] = {
    "nifti": partial(_nifti, "scan.nii"),
    "nifti-2": _nifti_2,
    "nifti-gz": partial(_nifti, "scan.nii.gz"),
    "nifti-gz-inside": _gzipped,
    "nrrd": partial(_itk, "scan.nrrd", ""),
    "nrrd-gzip": partial(_itk, "scan.nrrd", "gzip"),
    "nrrd-header": partial(_itk, "scan.nhdr", ""),
    "metaimage": partial(_itk, "scan.mha", ""),
    "metaimage-zlib": partial(_itk, "scan.mha", "zlib"),
    "metaimage-header": partial(_itk, "scan.mhd", ""),
    "explicit": partial(_dicom, ExplicitVRLittleEndian),
    "implicit": partial(_dicom, ImplicitVRLittleEndian),
    "big-endian": partial(_dicom, ExplicitVRBigEndian),
    "deflated": _deflated,
    "rle": partial(_compressed, RLELossless),
    "jpeg-baseline": partial(_compressed, JPEGBaseline8Bit),
    "jpeg-lossless": partial(_compressed, JPEGLosslessSV1),
    "jpeg-ls": partial(_compressed, JPEGLSLossless),
    "jpeg-2000": partial(_compressed, JPEG2000Lossless),
    "rle-frame": partial(_frame, RLELossless),
    "jpeg-baseline-frame": partial(_frame, JPEGBaseline8Bit),
    "jpeg-lossless-frame": partial(_frame, JPEGLosslessSV1),
    "jpeg-ls-frame": partial(_frame, JPEGLSLossless),
    "jpeg-2000-frame": partial(_frame, JPEG2000Lossless),
    "enhanced": _enhanced,
    "mosaic": _mosaic,
    "pet": _pet,
    "enhanced-pet": _enhanced_pet,
    "segmentation": _segmentation,
    "structure-set": _structures,
    "zip": _zip,
    "tar": _tar,
}

KINDS: Final[dict[str, Callable[[Path], Specimen]]] = {
    name: partial(_made, make) for name, make in _MAKERS.items()
}
"""What makes a specimen of each kind in a folder."""
