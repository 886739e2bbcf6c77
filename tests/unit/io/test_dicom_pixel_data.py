"""Pixel data, transfer syntaxes and character sets that are not what the headers say."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom
from pydicom import FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pydicom.valuerep import PersonName

from medpaint.core.errors import OutOfMemoryError, UnreadableError, UnsupportedError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.source import Derivation

NAME = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"


def in_third(change: Callable[[FileDataset], None]) -> Callable[[FileDataset, int], None]:
    """Return a change of the third slice only."""
    return lambda dataset, index: change(dataset) if index == 2 else None


def longer(content: bytes) -> Callable[[FileDataset], None]:
    """Return a change that appends bytes to the pixel data."""

    def change(dataset: FileDataset) -> None:
        dataset.PixelData += content

    return change


@pytest.mark.parametrize("content", [bytes(512), b"\xff" * 30, b"\1\2"])
def test_padding_after_the_pixels_is_ignored_with_a_warning(tmp_path: Path, content: bytes) -> None:
    phantom = Phantom(change=in_third(longer(content)))
    phantom.write(tmp_path)
    volume, source = read_series(tmp_path)
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))
    assert source.warnings == (
        f"pixel data is {len(content)} bytes longer than the image, as padding, which is ignored",
    )


def test_too_little_memory_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    Phantom(shape=(4, 5, 3)).write(tmp_path)
    for place in ("pixels.pixel_array", "slices.np.zeros"):
        with monkeypatch.context() as patch:
            patch.setattr(f"medpaint.io.dicom.{place}", fail)
            with pytest.raises(
                OutOfMemoryError, match=r"memory ran out: reading .*dcm takes at least 1 MB: close"
            ):
                read_series(tmp_path)


def test_more_pixels_than_the_header_says_are_refused(tmp_path: Path) -> None:
    Phantom(change=in_third(longer(bytes(range(100))))).write(tmp_path)
    with pytest.raises(UnreadableError, match=r"2\.dcm: pixel data is 100 bytes too long, with more than padding"):
        read_series(tmp_path)


def test_short_pixel_data_is_named_by_inspection_too(tmp_path: Path) -> None:
    def change(dataset: FileDataset) -> None:
        dataset.PixelData = dataset.PixelData[:-20]

    Phantom(change=in_third(change)).write(tmp_path)
    reason = "2.dcm: pixel data is 20 bytes short: expected 60 bytes for 6x5 pixels of 16 bits, got 40"
    (found,) = list_series(tmp_path)
    assert (found.restorable, found.reason) == (False, reason)
    with pytest.raises(UnreadableError) as caught:
        read_series(tmp_path)
    assert reason in str(caught.value)


def test_a_file_that_is_cut_off_is_short(tmp_path: Path) -> None:
    file = Phantom().write(tmp_path)[1]
    file.write_bytes(file.read_bytes()[:-7])
    assert list_series(tmp_path)[0].reason.startswith("1.dcm: pixel data is 7 bytes short")


@pytest.mark.parametrize(
    ("syntax", "claims"),
    [
        (ExplicitVRLittleEndian, {"Rows": 65535, "Columns": 65535}),
        (ExplicitVRLittleEndian, {"NumberOfFrames": 2_000_000_000}),
        (RLELossless, {"Rows": 65535, "Columns": 65535}),
        (JPEG2000Lossless, {"Rows": 65535, "Columns": 65535}),
        (JPEG2000Lossless, {"NumberOfFrames": 2_000_000_000}),
        (DeflatedExplicitVRLittleEndian, {"NumberOfFrames": 2_000_000_000}),
        (DeflatedExplicitVRLittleEndian, {"Rows": 65535, "Columns": 65535}),
        (ExplicitVRLittleEndian, {"NumberOfFrames": 2_000_000_000, "SamplesPerPixel": 3}),
        (ExplicitVRLittleEndian, {"NumberOfFrames": 2_000_000_000, "Rows": 0}),
    ],
)
def test_claims_beyond_the_file_are_refused_before_memory_is_taken(
    tmp_path: Path, syntax: pydicom.uid.UID, claims: dict[str, int]
) -> None:
    for file in Phantom(syntax=syntax, shape=(40, 40, 3)).write(tmp_path):
        dataset = pydicom.dcmread(file)
        for keyword, value in claims.items():
            setattr(dataset, keyword, value)
        dataset.save_as(file)
    (found,) = list_series(tmp_path)
    assert not found.restorable
    with pytest.raises((UnreadableError, UnsupportedError)):
        read_series(tmp_path)


def test_a_private_transfer_syntax_is_not_supported(tmp_path: Path) -> None:
    for file in Phantom().write(tmp_path):
        declared(file, b"1.2.840.113619.5.2")
    reason = "transfer syntax not supported: 1.2.840.113619.5.2"
    assert list_series(tmp_path)[0].reason == reason
    with pytest.raises(UnsupportedError, match=reason):
        read_series(tmp_path)


def declared(path: Path, new: bytes) -> None:
    """State another transfer syntax in the meta header of a file than its data set has."""
    raw = path.read_bytes()
    at = raw.index(b"\x02\x00\x10\x00UI")
    (length,) = struct.unpack("<H", raw[at + 6 : at + 8])
    size = int.from_bytes(raw[140:144], "little") + len(new) - length
    stated = raw[at : at + 6] + struct.pack("<H", len(new)) + new
    path.write_bytes(raw[:140] + size.to_bytes(4, "little") + raw[144:at] + stated + raw[at + 8 + length :])


@pytest.mark.parametrize(
    ("real", "stated"),
    [
        (ImplicitVRLittleEndian, b"1.2.840.10008.1.2.1\0"),
        (ExplicitVRLittleEndian, b"1.2.840.10008.1.2\0"),
    ],
)
def test_a_data_set_is_read_and_written_as_what_it_is(
    tmp_path: Path, real: pydicom.uid.UID, stated: bytes
) -> None:
    phantom = Phantom(syntax=real)
    for file in phantom.write(tmp_path / "scan"):
        declared(file, stated)
    volume, source = read_series(tmp_path / "scan")
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))
    assert "it is read as what it is" in source.warnings[0]
    assert list_series(tmp_path / "scan")[0].facts["transfer_syntax"] == real.name
    mask = np.zeros(volume.shape, bool)
    mask[2, 2, 1] = True
    source.write(np.array(volume.data), mask, tmp_path / "out", Derivation("done", "key"))
    again, _ = read_series(tmp_path / "out")
    np.testing.assert_array_equal(again.data, volume.data)
    assert pydicom.dcmread(tmp_path / "out" / "0001.dcm").file_meta.TransferSyntaxUID == real


def test_a_foreign_object_without_pixels_is_named_and_left_alone(tmp_path: Path) -> None:
    files = Phantom().write(tmp_path)
    dataset = pydicom.dcmread(files[0])
    dataset.SOPClassUID = pydicom.uid.UID("1.3.46.670589.11.0.0.12.2")
    dataset.SOPInstanceUID = "1.2.3.4.99"
    for keyword in ("PixelData", "BitsAllocated", "BitsStored", "HighBit", "PhotometricInterpretation"):
        dataset.pop(keyword)
    dataset.save_as(tmp_path / "99.dcm")
    volume, source = read_series(tmp_path)
    assert volume.shape == (5, 6, 4)
    assert source.warnings == (
        "the series has objects without pixels, which are left alone: 1 of SOP class 1.3.46.670589.11.0.0.12.2",
    )
    assert [one.restorable for one in list_series(tmp_path)] == [True]
    assert len(source.instances) == 4


def test_an_image_without_pixels_is_no_foreign_object(tmp_path: Path) -> None:
    def change(dataset: FileDataset) -> None:
        del dataset.PixelData

    Phantom(change=in_third(change)).write(tmp_path)
    with pytest.raises(UnreadableError, match=r"2\.dcm: no pixel data"):
        read_series(tmp_path)


def test_a_segmentation_keeps_the_bytes_of_japanese_names(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        dataset.PatientName = PersonName(NAME, ["iso8859", "iso2022_jp"])

    Phantom(change=change).write(tmp_path / "scan")
    volume, source = read_series(tmp_path / "scan")
    mask = np.zeros(volume.shape, bool)
    mask[2, 2, 1] = True
    done = Derivation("done", "key")
    source.write(np.array(volume.data), mask, tmp_path / "out", done)
    notes = source.write_mask(
        mask, tmp_path / "mask.nii.gz", tmp_path / "mask.dcm", restored=tmp_path / "out", derivation=done
    )
    assert notes == ()
    for file in (tmp_path / "mask.dcm", tmp_path / "out" / "0002.dcm"):
        assert NAME in file.read_bytes()
        assert list(pydicom.dcmread(file).SpecificCharacterSet) == ["", "ISO 2022 IR 87"]


def test_a_deflated_file_that_inflates_too_far_is_refused(tmp_path: Path) -> None:
    files = Phantom(syntax=DeflatedExplicitVRLittleEndian).write(tmp_path)
    assert read_series(tmp_path)[0].shape == (5, 6, 4)
    raw = files[0].read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(80)) + packer.flush()
    files[0].write_bytes(raw[:start] + bomb)
    reasons = [one.reason for one in list_series(tmp_path) if not one.restorable]
    assert any("inflates to more" in reason for reason in reasons)
    with pytest.raises(UnreadableError, match="inflates to more"):
        read_series(tmp_path)
