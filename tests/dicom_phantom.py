"""Tiny DICOM series, valid enough for a validator, made where a test needs them."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)

AXIAL: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL: Final = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL: Final = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE: Final = (0.96, 0.28, 0.0, 0.0, 0.0, -1.0)
SERIES: Final = "1.2.3.4"
"""UID of a series that a test does not give another."""

STORAGE: Final = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}


def _unchanged(_dataset: FileDataset, _index: int) -> None:
    """Change nothing."""


def in_series(uid: str) -> Callable[[FileDataset, int], None]:
    """Return a change to a series whose UID need not be valid."""

    def change(dataset: FileDataset, _index: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.SeriesInstanceUID = uid

    return change


@dataclass(frozen=True)
class Phantom:
    """What a series is made from.

    Attributes:
        shape: rows, columns, slices.
        pixel_spacing: distance between rows, then between columns, mm.
        step_mm: distance between slices.
        positions: first voxel of each slice, LPS mm; steps along the normal where not given.
        change: called with each dataset and its index before it is written.
    """

    modality: str = "CT"
    shape: tuple[int, int, int] = (6, 5, 4)
    orientation: tuple[float, ...] = AXIAL
    origin: tuple[float, ...] = (-10.0, -20.0, 30.0)
    pixel_spacing: tuple[float, float] = (0.75, 0.5)
    step_mm: float = 2.0
    dtype: str = "int16"
    bits_stored: int = 12
    syntax: UID = ExplicitVRLittleEndian
    series: str = SERIES
    positions: Sequence[Sequence[float]] | None = None
    change: Callable[[FileDataset, int], None] = _unchanged

    def voxels(self) -> NDArray[Any]:
        """Return stored values, (slices, rows, columns), from the least to the greatest the bits hold."""
        rows, columns, slices = self.shape
        low = -(2 ** (self.bits_stored - 1)) if self.dtype.startswith("i") else 0
        high = low + 2**self.bits_stored
        values = np.random.default_rng(7).integers(low, high, (slices, rows, columns))
        values[0, 0, :2] = low, high - 1
        return values.astype(self.dtype)

    def places(self) -> NDArray[np.float64]:
        """Return the position of each slice's first voxel, LPS mm, (slices, 3)."""
        if self.positions is not None:
            return np.asarray(self.positions, dtype=np.float64)
        rows, columns = np.reshape(self.orientation, (2, 3))
        return np.array(self.origin) + np.outer(np.arange(self.shape[2]) * self.step_mm, np.cross(rows, columns))

    def affine(self) -> NDArray[np.float64]:
        """Return voxel (column, row, slice) to RAS mm, (4, 4), straight from the construction."""
        rows, columns = np.reshape(self.orientation, (2, 3))
        lps = np.eye(4)
        lps[:3, 0] = rows * self.pixel_spacing[1]
        lps[:3, 1] = columns * self.pixel_spacing[0]
        lps[:3, 2] = np.cross(rows, columns) * self.step_mm
        lps[:3, 3] = self.places()[0]
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps

    def write(self, folder: Path, names: Sequence[str] = ()) -> list[Path]:
        """Write one file for each slice, in slice order, and return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        voxels, places = self.voxels(), self.places()
        files = [folder / (names[index] if names else f"{index}.dcm") for index in range(self.shape[2])]
        for index, file in enumerate(files):
            dataset = self._dataset(index, voxels[index], places[index])
            self.change(dataset, index)
            if self.syntax.is_encapsulated:
                encoder = "pydicom" if self.syntax == RLELossless else "pylibjpeg"
                dataset.compress(self.syntax, encoding_plugin=encoder, generate_instance_uid=False)
            dcmwrite(file, dataset, enforce_file_format=True)
        return files

    def _dataset(self, index: int, values: NDArray[Any], position: NDArray[np.float64]) -> FileDataset:
        """Return one slice."""
        storage = STORAGE[self.modality]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = storage
        meta.MediaStorageSOPInstanceUID = UID(f"{self.series}.{index + 1}")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian if self.syntax.is_encapsulated else self.syntax
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        dataset.SOPClassUID, dataset.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
        _describe(dataset, self.modality, self.series, index)
        if self.modality == "PT":
            _describe_pet(dataset, index, self.shape[2])
        dataset.ImagePositionPatient = [f"{value:.6f}"[:16] for value in position]
        dataset.ImageOrientationPatient = [f"{value:.10f}"[:16] for value in self.orientation]
        dataset.PixelSpacing = [f"{value:.6f}" for value in self.pixel_spacing]
        dataset.SliceThickness = f"{self.step_mm:.6f}"
        dataset.Rows, dataset.Columns = self.shape[:2]
        dataset.BitsAllocated = values.dtype.itemsize * 8
        dataset.BitsStored, dataset.HighBit = self.bits_stored, self.bits_stored - 1
        dataset.PixelRepresentation = int(values.dtype.kind == "i")
        content = values.astype(values.dtype.newbyteorder("<" if meta.TransferSyntaxUID.is_little_endian else ">"))
        dataset.PixelData = content.tobytes() + b"\0" * (content.nbytes % 2)
        dataset["PixelData"].VR = "OW" if values.itemsize > 1 or meta.TransferSyntaxUID.is_implicit_VR else "OB"
        return dataset


def oblique() -> Phantom:
    """Return a series whose slices are along no axis, so that a mask drawn in space has to be turned."""
    return Phantom(shape=(12, 14, 6), orientation=OBLIQUE)


def _describe(dataset: Dataset, modality: str, series: str, index: int) -> None:
    """Set the attributes that every CT or MR image has."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if modality == "CT" else "OTHER"]
    dataset.Modality = modality
    dataset.StudyDate, dataset.StudyTime = "20200102", "030405"
    dataset.AccessionNumber, dataset.ReferringPhysicianName, dataset.StudyID = "", "", "1"
    dataset.Manufacturer, dataset.BodyPartExamined = "Phantom works", "HEAD"
    dataset.PatientName, dataset.PatientID = "Phantom^Tiny", "P1"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", series
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = "1.2.3.9", ""
    dataset.SeriesNumber, dataset.AcquisitionNumber, dataset.InstanceNumber = 3, 1, index + 1
    dataset.SeriesDescription, dataset.PatientPosition = "tiny", "HFS"
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = "20200102", "030405"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    if modality == "CT":
        dataset.KVP = "120"
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    if modality == "MR":
        dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "GR", "NONE", ""
        dataset.MRAcquisitionType, dataset.EchoTrainLength = "2D", 1
        dataset.RepetitionTime, dataset.EchoTime, dataset.FlipAngle = "20", "3", "30"


def _describe_pet(dataset: Dataset, index: int, slices: int) -> None:
    """Set the attributes that every PET image has; each slice has a slope of its own, as scanners write them."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    del dataset.PatientPosition  # the codes below say it
    dataset.SeriesDate, dataset.SeriesTime = "20200102", "030405"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20200102", "030405"
    dataset.ContentDate, dataset.ContentTime = "20200102", "030405"
    dataset.PatientWeight, dataset.PatientSize = "70.5", "1.75"
    dataset.Units, dataset.CountsSource, dataset.DecayCorrection = "BQML", "EMISSION", "START"
    dataset.SeriesType, dataset.CorrectedImage = ["STATIC", "IMAGE"], ["DECY", "ATTN", "SCAT"]
    dataset.NumberOfSlices, dataset.ImageIndex, dataset.CollimatorType = slices, index + 1, "NONE"
    dataset.FrameReferenceTime, dataset.ActualFrameDuration, dataset.DecayFactor = "0", "120000", "1.02"
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", str(0.5 + 0.125 * index)
    drug, isotope = Dataset(), Dataset()
    isotope.CodeValue, isotope.CodingSchemeDesignator, isotope.CodeMeaning = "C-111A1", "SRT", "^18^Fluorine"
    drug.RadionuclideCodeSequence, drug.Radiopharmaceutical = [isotope], "FDG"
    drug.RadiopharmaceuticalStartTime, drug.RadiopharmaceuticalStopTime = "020000", "020010"
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "350000000", "6586.2"
    dataset.RadiopharmaceuticalInformationSequence = [drug]
    dataset.PatientOrientationCodeSequence = [_code("F-10450", "recumbent", _code("F-10340", "supine"))]
    dataset.PatientGantryRelationshipCodeSequence = [_code("F-10470", "headfirst")]


def _code(value: str, meaning: str, modifier: Dataset | None = None) -> Dataset:
    """Return a code of the orientation of a patient."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SRT", meaning
    if modifier is not None:
        code.PatientOrientationModifierCodeSequence = [modifier]
    return code


def validator_errors(file: Path) -> set[str]:
    """Return the errors that dciodvfy reports, except about Synthetic Data, which is newer than the validator."""
    found = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True, check=False)
    lines = {line for line in found.stderr.splitlines() if line.startswith("Error")}
    return {line for line in lines if "(0008,001c)" not in line}
