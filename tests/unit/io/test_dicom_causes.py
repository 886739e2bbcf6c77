"""A refusal names the true cause."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from codestreams import series
from dicom_phantom import Phantom
from multiframe_phantom import csa, enhanced, mosaic
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.source import Derivation

BAD = b"Ph\xe4ntom^T\xffny"


def derived(folder: Path) -> list[pydicom.FileDataset]:
    """Change a voxel of the series in `scan` and return the files of the product."""
    volume, source = read_series(folder / "scan")
    mask = np.zeros(volume.shape, bool)
    mask[2, 2, 1] = True
    source.write(np.array(volume.data), mask, folder / "out", Derivation("done", "key"))
    return [pydicom.dcmread(file) for file in sorted((folder / "out").iterdir())]


def parts(folder: Path) -> None:
    """Write an enhanced image in two files."""
    (folder / "scan").mkdir()
    enhanced(folder / "whole.dcm")
    for k in range(2):
        dataset = pydicom.dcmread(folder / "whole.dcm")
        own = slice(2 * k, 2 * k + 2)
        dataset.NumberOfFrames = 2
        dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[own]
        dataset.PixelData = dataset.PixelData[60 * own.start : 60 * own.stop]
        dataset.ConcatenationUID, dataset.SOPInstanceUIDOfConcatenationSource = "1.2.3.77", dataset.SOPInstanceUID
        dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = k + 1, 2
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.4.9{k}")
        dataset.save_as(folder / "scan" / f"{k}.dcm")


def test_functional_groups_that_are_missing_are_counted(tmp_path: Path) -> None:
    enhanced(tmp_path / "scan.dcm")
    dataset = pydicom.dcmread(tmp_path / "scan.dcm")
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:3]
    dataset.save_as(tmp_path / "scan.dcm")
    (found,) = list_series(tmp_path / "scan.dcm")
    assert found.reason == "a damaged DICOM file (expected functional groups of 4 frames, got 3)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    Phantom().write(tmp_path)[1].chmod(0)
    reasons = [found.reason for found in list_series(tmp_path) if not found.restorable]
    assert "a DICOM file that cannot be read (Permission denied)" in reasons


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "a Siemens mosaic whose private header is damaged"),
        (csa(Other=[5]), "a Siemens mosaic without the private header that gives the positions of its slices"),
        (
            csa(NumberOfImagesInMosaic=[5], SliceNormalVector=["north", "by", "west"]),
            "a Siemens mosaic whose private header is damaged",
        ),
        (
            csa(NumberOfImagesInMosaic=[2_000_000_000], SliceNormalVector=[0.0, 0.0, 1.0]),
            "a Siemens mosaic whose private header states 2000000000 slices",
        ),
        (
            csa(NumberOfImagesInMosaic=[0], SliceNormalVector=[0.0, 0.0, 1.0]),
            "a Siemens mosaic whose private header states 0 slices",
        ),
    ],
)
def test_what_is_wrong_with_a_private_header_is_said(tmp_path: Path, header: bytes, reason: str) -> None:
    mosaic(tmp_path / "scan")
    dataset = pydicom.dcmread(tmp_path / "scan" / "m.dcm")
    dataset[0x00291010].value = header
    dataset.save_as(tmp_path / "scan" / "m.dcm")
    assert reason in list_series(tmp_path / "scan")[0].reason
    with pytest.raises(UnsupportedError, match=reason):
        read_series(tmp_path / "scan")


def test_the_parts_of_a_derived_concatenation_are_not_the_sources(tmp_path: Path) -> None:
    parts(tmp_path)
    assert read_series(tmp_path / "scan")[1].warnings == ()
    files = derived(tmp_path)
    for keyword in ("ConcatenationUID", "SOPInstanceUIDOfConcatenationSource"):
        (uid,) = {file[keyword].value for file in files}
        assert uid.startswith("2.25.")
    assert [file.InConcatenationNumber for file in files] == [1, 2]


def test_an_absent_part_of_a_concatenation_is_warned_of(tmp_path: Path) -> None:
    parts(tmp_path)
    (tmp_path / "scan" / "1.dcm").unlink()
    _, source = read_series(tmp_path / "scan")
    assert "1 of 2 files of a concatenated image are here: slices may be absent" in source.warnings


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_text_that_cannot_be_decoded_keeps_its_bytes(tmp_path: Path, syntax: UID) -> None:
    for file in Phantom(syntax=syntax).write(tmp_path / "scan"):
        file.write_bytes(file.read_bytes().replace(b"Phantom^Tiny", BAD))
    assert len(derived(tmp_path)) == 4
    assert all(BAD in file.read_bytes() for file in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless], ids=lambda syntax: syntax.name)
def test_a_value_representation_that_there_is_not_is_refused(tmp_path: Path, syntax: UID) -> None:
    files = Phantom().write(tmp_path) if syntax == ExplicitVRLittleEndian else series(tmp_path, syntax)
    element = re.compile(rb"\xe0\x7f\x10\x00O[BW]")
    files[1].write_bytes(element.sub(b"\xe0\x7f\x10\x00O\x02", files[1].read_bytes()))
    with pytest.raises(UnreadableError):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("syntax", "secret"), [(ExplicitVRBigEndian, b""), (ExplicitVRLittleEndian, b"0123456789abcdef")]
)
def test_an_invalid_attribute_is_refused_as_the_product_is_written(
    tmp_path: Path, syntax: UID, secret: bytes
) -> None:
    for file in Phantom(syntax=syntax).write(tmp_path / "scan"):
        file.write_bytes(re.sub(rb"(\x00\x08\x00\x70|\x08\x00\x70\x00)LO", b"\\1L\x02", file.read_bytes()))
    volume, source = read_series(tmp_path / "scan")
    done = Derivation("done", "key", secret=secret)
    with pytest.raises(UnreadableError, match=r"can be written back as DICOM, got invalid ones"):
        source.write(np.array(volume.data), np.ones(volume.shape, bool), tmp_path / "out", done)
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]
