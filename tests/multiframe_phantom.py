"""Tiny enhanced multi-frame images and mosaics, made where a test needs them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from dicom_phantom import AXIAL, SAGITTAL, Phantom
from pydicom import Dataset
from pydicom.uid import EnhancedMRImageStorage, EnhancedPETImageStorage


def enhanced(
    path: Path, *, order: tuple[int, ...] = (2, 0, 3, 1), echoes: int = 1, shared: bool = True, slope: float = 2.0
) -> Phantom:
    """Write an enhanced image whose frames are not in the order of their positions, and return its phantom."""
    phantom = Phantom(modality="MR", dtype="uint16", orientation=SAGITTAL)
    (first, *_) = phantom.write(path.parent / "single")
    dataset = pydicom.dcmread(first)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    frames = [(echo, k) for echo in range(echoes) for k in order]
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = np.stack([phantom.voxels()[k] ^ echo for echo, k in frames]).tobytes()
    plane, measures, values = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(phantom.orientation)
    measures.PixelSpacing, measures.SliceThickness = list(phantom.pixel_spacing), 9.0
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = slope, 1.0, "US"
    common = Dataset()
    common.PlaneOrientationSequence, common.PixelMeasuresSequence = [plane], [measures]
    common.PixelValueTransformationSequence = [values]
    groups = []
    for echo, k in frames:
        item, place, kind, time = Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [float(value) for value in phantom.places()[k]]
        kind.FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        time.EffectiveEchoTime = 4.5 * (echo + 1)
        item.PlanePositionSequence, item.MRImageFrameTypeSequence, item.MREchoSequence = [place], [kind], [time]
        if not shared:
            item.update(common)
        groups.append(item)
    if shared:
        dataset.SharedFunctionalGroupsSequence = [common]
    dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.save_as(path)
    return phantom


def enhanced_pet(path: Path, *, times: int = 1) -> Phantom:
    """Write an enhanced PET image, each frame with a slope of its own and in Bq/ml, and return its phantom."""
    phantom = Phantom(modality="PT", bits_stored=16)
    (first, *_) = phantom.write(path.parent / "single")
    dataset = pydicom.dcmread(first)
    top = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope")
    for keyword in (*top, "RescaleIntercept", "Units", "FrameReferenceTime", "SeriesType", "ImageIndex"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedPETImageStorage
    frames = [(time, k) for time in range(times) for k in range(phantom.shape[2])]
    dataset.NumberOfFrames = len(frames)
    dataset.PixelData = np.stack([phantom.voxels()[k] ^ time for time, k in frames]).tobytes()
    plane, measures, kind = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(phantom.orientation)
    measures.PixelSpacing, measures.SliceThickness = list(phantom.pixel_spacing), phantom.step_mm
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    common = Dataset()
    common.PlaneOrientationSequence, common.PixelMeasuresSequence = [plane], [measures]
    common.PETFrameTypeSequence = [kind]
    dataset.SharedFunctionalGroupsSequence = [common]
    dataset.PerFrameFunctionalGroupsSequence = [_pet_frame(phantom, time, k) for time, k in frames]
    dataset.save_as(path)
    return phantom


def _pet_frame(phantom: Phantom, time: int, k: int) -> Dataset:
    """Return the functional groups of a frame of PET."""
    item, place, values, content, line, unit = (Dataset() for _ in range(6))
    place.ImagePositionPatient = [float(value) for value in phantom.places()[k]]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 0.5 + 0.125 * k, 0.0, "US"
    content.TemporalPositionIndex = time + 1
    line.RealWorldValueSlope, line.RealWorldValueIntercept = 0.5 + 0.125 * k, 0.0
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "Bq/ml", "UCUM", "Becquerels/milliliter"
    line.MeasurementUnitsCodeSequence = [unit]
    item.PlanePositionSequence, item.PixelValueTransformationSequence = [place], [values]
    item.FrameContentSequence, item.RealWorldValueMappingSequence = [content], [line]
    return item


def csa(**values: list[Any]) -> bytes:
    """Return a private header as Siemens writes it, with some entries."""
    content = b"SV10\4\3\2\1" + struct.pack("<2I", len(values), 77)
    for name, items in values.items():
        content += struct.pack("<64si4siii", name.encode(), 0, b"FD\0\0", 4, len(items), 77)
        for item in items:
            text = str(item).encode() + b"\0"
            content += struct.pack("<4i", len(text), len(text), 77, len(text))
            content += text + b"\0" * (-len(text) % 4)
    return content


def mosaic(folder: Path, *, private: bool = True, normal: float = 1.0) -> Phantom:
    """Write a phantom of five slices as a mosaic of three by three tiles."""
    phantom = Phantom(modality="MR", dtype="uint16", shape=(6, 4, 5), orientation=AXIAL)
    (first, *_) = phantom.write(folder.parent / "single")
    dataset = pydicom.dcmread(first)
    tiles = np.full((18, 12), 7, np.uint16)
    for k, values in enumerate(phantom.voxels()):
        tiles[6 * (k // 3) : 6 * (k // 3) + 6, 4 * (k % 3) : 4 * (k % 3) + 4] = values
    dataset.Rows, dataset.Columns, dataset.PixelData = 18, 12, tiles.tobytes()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.SpacingBetweenSlices = phantom.step_mm
    rows, columns = phantom.pixel_spacing
    x, y, z = (float(value) for value in phantom.places()[0])
    dataset.ImagePositionPatient = [x - 4 * columns, y - 6 * rows, z]
    if private:
        header = csa(NumberOfImagesInMosaic=[5], SliceNormalVector=[0.0, 0.0, normal])
        dataset.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
        dataset.add_new(0x00291010, "OB", header)
    folder.mkdir(parents=True)
    dataset.save_as(folder / "m.dcm")
    return phantom
