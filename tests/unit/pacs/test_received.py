"""Received instances: whose they are, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_phantom import Phantom
from pydicom import FileDataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from medpaint.pacs import instance
from medpaint.pacs.instance import Identity, identity_of
from medpaint.pacs.retry import PermanentError, TransientError


@pytest.fixture
def image(tmp_path: Path) -> FileDataset:
    """Return an image whose pixels are not read with its header."""
    (file, *_) = Phantom(shape=(200, 200, 3), series="1.2.9").write(tmp_path / "scan")
    return dcmread(file)


def saved(image: FileDataset, folder: Path) -> Path:
    image.save_as(folder / "image.dcm")
    return folder / "image.dcm"


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "deflated", "RLE"])
def test_identifiers_are_read_in_each_transfer_syntax(tmp_path: Path, image: FileDataset, syntax: str) -> None:
    if syntax == "RLE":
        image.compress(RLELossless, generate_instance_uid=False)
    elif syntax == "implicit":
        image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    elif syntax == "deflated":
        image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    uid = image.SOPInstanceUID
    assert identity_of(saved(image, tmp_path)) == Identity("1.2.3", "1.2.9", uid, image.SOPClassUID)


@pytest.mark.parametrize("syntax", ["explicit", "RLE"])
@pytest.mark.parametrize("lost", [8, 20, 500])
def test_truncated_pixels_are_noticed(tmp_path: Path, image: FileDataset, syntax: str, lost: int) -> None:
    if syntax == "RLE":
        image.compress(RLELossless, generate_instance_uid=False)
    file = saved(image, tmp_path)
    file.write_bytes(file.read_bytes()[:-lost])
    with pytest.raises(TransientError, match="truncated"):
        identity_of(file)


def test_what_inflates_to_too_much_is_refused(
    tmp_path: Path, image: FileDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "_MOST_INFLATED", 2**20)
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    image.PixelData = b"\0" * 2**21
    with pytest.raises(PermanentError, match="inflates to too much"):
        identity_of(saved(image, tmp_path))


@pytest.mark.parametrize("content", [b"", b"DICM", b"<html>" * 100, b"\0" * 128 + b"DIC"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(PermanentError, match="expected DICOM instances"):
        identity_of(tmp_path / "file")


def test_names_as_identifiers_are_refused(tmp_path: Path, image: FileDataset) -> None:
    file = saved(image, tmp_path)
    file.write_bytes(file.read_bytes().replace(b"\x20\0\x0e\0UI\x06\x001.2.9\0", b"\x20\0\x0e\0UI\x06\0SMITH\0"))
    with pytest.raises(PermanentError, match="expected a DICOM identifier as SeriesInstanceUID") as caught:
        identity_of(file)
    assert "SMITH" not in str(caught.value)
