"""Inputs of benchmarks/products.py that are DICOM: series of phantoms, and real files that come with pydicom."""

from __future__ import annotations

import shutil
import struct
import sys
import zipfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pydicom
from product_inputs import Affine, block, save_nifti
from pydicom import DataElement, Dataset, FileDataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.uid import UID, EnhancedMRImageStorage, JPEG2000Lossless, RLELossless

if TYPE_CHECKING:
    from dicom_phantom import Phantom

OBLIQUE: Final = (0.96, 0.28, 0.0, 0.0, 0.0, -1.0)
SAGITTAL: Final = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
PADDING: Final = -2000

REAL: Final = {
    "ct": "CT_small.dcm",
    "ct-signed": "J2K_pixelrep_mismatch.dcm",
    "mr-rle": "MR_small_RLE.dcm",
    "mr-jpeg-ls": "MR_small_jpeg_ls_lossless.dcm",
    "mr-big-endian": "MR_small_expb.dcm",
    "ct-series": "dicomdirtests/98892001/CT5N",
}
"""Real files and series among the test files of pydicom, by their names here."""


def phantom(**settings: Any) -> Phantom:  # noqa: ANN401 - fields of Phantom
    """Return a phantom of the tests."""
    tests = str(Path(__file__).resolve().parents[1] / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    made: Phantom = import_module("dicom_phantom").Phantom(**settings)
    return made


def write_series(folder: Path) -> None:
    """Write the series and their masks into an existing folder."""
    _write_plain(folder)
    _write_named(folder)
    for name, echoes in (("enhanced", 1), ("enhanced-echoes", 2)):
        _write_enhanced(folder / name, echoes)
    _write_mosaic(folder / "mosaic")
    _write_echoes(folder / "echoes")
    _write_segmentation(folder / "ct", folder / "segmentation.dcm")
    root = Path(pydicom.__file__).parent / "data" / "test_files"
    for name, place in REAL.items():
        _copy_real(root / place, folder / f"real-{name}")


def save_mask(made: Phantom, path: Path) -> None:
    """Write a mask of the middle third of a phantom."""
    rows, columns, slices = made.shape
    save_nifti(block((columns, rows, slices)), path, made.affine())


def _write_plain(folder: Path) -> None:
    """Write a CT series, and variants: compressed, zipped, with padding, with lost and with absent slices."""
    plain = phantom(shape=(40, 36, 6))
    files = plain.write(folder / "ct")
    save_mask(plain, folder / "ct-mask.nii.gz")
    phantom(shape=(40, 36, 6), syntax=RLELossless).write(folder / "ct-rle")
    phantom(shape=(40, 36, 6), syntax=JPEG2000Lossless).write(folder / "ct-jpeg-2000")
    phantom(shape=(40, 36, 6), change=_pad).write(folder / "ct-padded")
    phantom(shape=(40, 36, 8), change=_lose).write(folder / "ct-lost")
    phantom(modality="MR", shape=(40, 36, 6), dtype="uint16").write(folder / "mr")
    with zipfile.ZipFile(folder / "ct.zip", "w") as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(f"ct/{file.name}"), file.read_bytes())
    gap = phantom(shape=(16, 18, 8), orientation=OBLIQUE).write(folder / "ct-absent")
    for number in (2, 5):
        gap[number].unlink()


def _pad(dataset: FileDataset, _index: int) -> None:
    """Make the first columns padding, some of the mask with them."""
    pixels = np.frombuffer(dataset.PixelData, np.int16).reshape(40, 36).copy()
    pixels[:, :16] = PADDING
    dataset.PixelData = pixels.tobytes()
    dataset[Tag("PixelPaddingValue")] = DataElement(Tag("PixelPaddingValue"), "SS", PADDING)


def _lose(dataset: FileDataset, index: int) -> None:
    """Make every slice smooth, and the fourth empty."""
    slope = np.add.outer(40 * np.arange(40), 30 * np.arange(36)) + 100 * index
    dataset.PixelData = (slope * (index != 3)).astype(np.int16).tobytes()


def _write_named(folder: Path) -> None:
    """Write a series with a person's name in it, and a key to de-identify it."""

    def name(dataset: FileDataset, _index: int) -> None:
        dataset.PatientName, dataset.PatientID, dataset.InstitutionName = "Doe^Jane", "4711", "Somewhere"
        dataset.PatientBirthDate, dataset.StudyDescription = "19010203", "of Jane Doe"
        dataset.add_new((0x0009, 0x0010), "LO", "CREATOR")
        dataset.add_new((0x0009, 0x1001), "LT", "Jane Doe")

    named = phantom(shape=(12, 14, 6), orientation=OBLIQUE, change=name)
    named.write(folder / "named")
    save_mask(named, folder / "named-mask.nii.gz")
    for key, mode in (("key", 0o600), ("open-key", 0o644)):
        (folder / key).write_text("nobody guesses this line", encoding="utf-8")
        (folder / key).chmod(mode)


def _write_enhanced(folder: Path, echoes: int) -> None:
    """Write an enhanced MR image whose frames are not in the order of their positions, and its mask."""
    made = phantom(modality="MR", shape=(12, 10, 4), dtype="uint16", orientation=SAGITTAL)
    dataset = _first(made, folder)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    frames = [(echo, k) for echo in range(echoes) for k in (2, 0, 3, 1)]
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = np.stack([made.voxels()[k] ^ echo for echo, k in frames]).tobytes()
    shared, plane, measures, values = Dataset(), Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(made.orientation)
    measures.PixelSpacing, measures.SliceThickness = list(made.pixel_spacing), 9.0
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 2.0, 1.0, "US"
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measures]
    shared.PixelValueTransformationSequence = [values]
    dataset.SharedFunctionalGroupsSequence = [shared]
    positions = made.places()
    dataset.PerFrameFunctionalGroupsSequence = [_frame(positions[k], echo) for echo, k in frames]
    dataset.save_as(folder / "image.dcm")
    save_mask(made, folder.with_name(f"{folder.name}-mask.nii.gz"))


def _frame(position: Sequence[float], echo: int) -> Dataset:
    """Return the functional groups of one frame of an enhanced image."""
    item, place, kind, time = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [float(value) for value in position]
    kind.FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    time.EffectiveEchoTime = 4.5 * (echo + 1)
    item.PlanePositionSequence, item.MRImageFrameTypeSequence, item.MREchoSequence = [place], [kind], [time]
    return item


def _write_mosaic(folder: Path) -> None:
    """Write five slices as a Siemens mosaic of three by three tiles, and their mask."""
    made = phantom(modality="MR", dtype="uint16", shape=(12, 10, 5))
    dataset = _first(made, folder)
    tiles = np.full((36, 30), 7, np.uint16)
    for k, values in enumerate(made.voxels()):
        row, column = 12 * (k // 3), 10 * (k % 3)
        tiles[row : row + 12, column : column + 10] = values
    dataset.Rows, dataset.Columns, dataset.PixelData = 36, 30, tiles.tobytes()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.SpacingBetweenSlices = made.step_mm
    rows, columns = made.pixel_spacing
    x, y, z = (float(value) for value in made.places()[0])
    dataset.ImagePositionPatient = [x - 10 * columns, y - 12 * rows, z]
    dataset.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    header = _private_header(NumberOfImagesInMosaic=[5], SliceNormalVector=[0.0, 0.0, 1.0])
    dataset.add_new(0x00291010, "OB", header)
    dataset.save_as(folder / "image.dcm")
    save_mask(made, folder.with_name("mosaic-mask.nii.gz"))


def _private_header(**values: list[float]) -> bytes:
    """Return a private header as Siemens writes it, with some entries."""
    content = b"SV10\4\3\2\1" + struct.pack("<2I", len(values), 77)
    for name, numbers in values.items():
        content += struct.pack("<64si4siii", name.encode(), 0, b"FD\0\0", 4, len(numbers), 77)
        for number in numbers:
            text = f"{number}\0".encode()
            content += struct.pack("<4i", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
    return content


def _first(made: Phantom, folder: Path) -> FileDataset:
    """Return the first slice of a phantom, and make an empty folder."""
    files = made.write(folder)
    dataset = pydicom.dcmread(files[0])
    for file in files:
        file.unlink()
    return dataset


def _write_echoes(folder: Path) -> None:
    """Write two echoes as files of one series."""
    for echo in (1, 2):

        def change(dataset: FileDataset, _index: int, echo: int = echo) -> None:
            dataset.EchoTime = 10.0 * echo
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{echo}")

        made = phantom(modality="MR", shape=(40, 36, 6), dtype="uint16", change=change)
        made.write(folder, [f"{echo}-{k}.dcm" for k in range(6)])


def _write_segmentation(series: Path, path: Path) -> None:
    """Write a DICOM segmentation of the middle of a series, as a mask."""
    highdicom: Any = import_module("highdicom")
    images = [pydicom.dcmread(file) for file in sorted(series.iterdir())]
    tissue = Code("85756007", "SCT", "Tissue")
    pixels = block((len(images), images[0].Rows, images[0].Columns)).astype(np.uint8)
    segment = highdicom.seg.SegmentDescription(1, "Hole", tissue, tissue, "MANUAL")
    segmentation = highdicom.seg.Segmentation(
        images, pixels, "BINARY", [segment], "1.2.3.10", 9, "1.2.3.10.1", 1, "Nobody", "None", "0", "0"
    )
    segmentation.save_as(path)


def _copy_real(found: Path, path: Path) -> None:
    """Copy a file or a series as the folder of a series, and write a mask of a block in its middle."""
    files = sorted(found.iterdir()) if found.is_dir() else [found]
    path.mkdir()
    for file in files:
        shutil.copy(file, path / file.name)
    slices = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    rows, columns = slices[0].Rows, slices[0].Columns
    spans = [(size // 2 - 3, size // 2 + 3) for size in (columns, rows)]
    mask = block((columns, rows, len(files)), *spans, (len(files) // 2, len(files) // 2 + 1))
    save_nifti(mask, path.with_name(f"{path.name}-mask.nii.gz"), _affine(slices))


def _affine(slices: Sequence[Dataset]) -> Affine:
    """Return the affine of a series, columns, rows and slices to RAS+ mm, from its headers."""
    along, down = np.reshape(np.array(slices[0].ImageOrientationPatient, np.float64), (2, 3))
    normal = np.cross(along, down)
    positions = sorted(np.array([one.ImagePositionPatient for one in slices], np.float64), key=normal.dot)
    step = normal * float(slices[0].get("SliceThickness") or 1.0)
    lps = np.eye(4)
    lps[:3, 0] = along * float(slices[0].PixelSpacing[1])
    lps[:3, 1] = down * float(slices[0].PixelSpacing[0])
    lps[:3, 2] = positions[1] - positions[0] if len(positions) > 1 else step
    lps[:3, 3] = positions[0]
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)
