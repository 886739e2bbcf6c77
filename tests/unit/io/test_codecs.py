"""Compressed frames: their own headers against the data set, and decoders that cannot do harm."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from codestreams import SYNTAXES, broken_decoder, change, frames_of, rewrite, series
from dicom_phantom import Phantom
from multiframe_phantom import enhanced
from pydicom.uid import (
    HTJ2K,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.io.codecs import decoder_process
from medpaint.io.dicom import list_series, read_series

LOSSLESS = [syntax for syntax in SYNTAXES if syntax != JPEGBaseline8Bit]
SIZ = 8  # after markers, length and capabilities: width, height, left, top, tile width and height, left, top


def put(at: int, content: bytes) -> Callable[[bytes], bytes]:
    """Return a change of some bytes of a frame."""
    return lambda frame: frame[:at] + content + frame[at + len(content) :]


def siz(place: int, value: int, size: int = 4) -> Callable[[bytes], bytes]:
    """Return a change of a number in the size segment of JPEG 2000."""
    return put(SIZ + place, value.to_bytes(size, "big"))


def cut_at(marker: bytes, content: bytes) -> Callable[[bytes], bytes]:
    """Return a change that inserts bytes before the first occurrence of a marker."""
    return lambda frame: frame.replace(marker, content + marker, 1)


def refusal(folder: Path) -> str:
    """Return why the series in a folder cannot be read."""
    with pytest.raises(UnreadableError) as caught:
        read_series(folder)
    return str(caught.value)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_compressed_series_are_read(tmp_path: Path, syntax: UID, dtype: str) -> None:
    series(tmp_path, syntax, dtype=dtype)
    volume, _ = read_series(tmp_path)
    expected = Phantom(shape=(40, 36, 3), dtype=dtype).voxels().transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.data, expected)


HIGH_THROUGHPUT = bytes.fromhex(
    "ff4fff51002940000000000a0000000800000000000000000000000a00000008000000000000000000010f0101ff50000800020000000aff52"
    "000c00020001000504044001ff5c00132088909090909090909090909090888888ff64001700014f70656e4a50482056657220302e32362e33"
    "2eff90000a0000000000470001ff93c00025df0507740000c0001280e000077400a00009005a323300a00009804cfe03775400c00026800054"
    "00e2d02fdb750004f8e01475ecb600ffd9"
)
"""Ten columns and eight rows of ``3 * row + 2 * column`` in 16 bits, lossless; coded by OpenJPH 0.26.3."""

HTJ2K_SYNTAXES = pytest.mark.parametrize(
    "syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K], ids=lambda syntax: syntax.name
)


def high_throughput(folder: Path, syntax: UID, frame: bytes) -> None:
    """Write a series whose slices are all the same frame of High-Throughput JPEG 2000."""
    for file in Phantom(shape=(8, 10, 3), dtype="uint16", bits_stored=16).write(folder):
        rewrite(file, [frame], TransferSyntaxUID=syntax)


@HTJ2K_SYNTAXES
def test_high_throughput_jpeg_2000_is_read(tmp_path: Path, syntax: UID) -> None:
    high_throughput(tmp_path, syntax, HIGH_THROUGHPUT)
    volume, _ = read_series(tmp_path)
    expected = np.add.outer(2 * np.arange(10), 3 * np.arange(8))
    np.testing.assert_array_equal(volume.data, np.repeat(expected[:, :, np.newaxis], 3, axis=2))


@HTJ2K_SYNTAXES
@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (siz(0, 2**16), "the JPEG 2000 codestream 8x65536 pixels"),
        (siz(34, 37, 1), "the JPEG 2000 codestream 38 bits"),
        (put(0, b"\0"), "it does not start as JPEG 2000 does"),
        (lambda frame: frame[:-40], "which the decoder refused"),
    ],
)
def test_damaged_high_throughput_jpeg_2000_is_refused(
    tmp_path: Path, syntax: UID, edit: Callable[[bytes], bytes], reason: str
) -> None:
    high_throughput(tmp_path, syntax, edit(HIGH_THROUGHPUT))
    assert reason in refusal(tmp_path)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_frame_of_another_size_is_refused(tmp_path: Path, syntax: UID) -> None:
    files = series(tmp_path / "scan", syntax)
    (other,) = series(tmp_path / "other", syntax, (20, 36, 1))
    rewrite(files[1], frames_of(other))
    found = refusal(tmp_path / "scan")
    assert f"frame 1 of {files[1]}" in found
    if syntax != RLELossless:  # whose header does not state the size
        assert "the data set says 40x36 pixels, the" in found
        assert "codestream 20x36 pixels" in found


@pytest.mark.parametrize("syntax", [one for one in SYNTAXES if one != RLELossless], ids=lambda syntax: syntax.name)
def test_swapped_rows_and_columns_are_refused(tmp_path: Path, syntax: UID) -> None:
    for file in series(tmp_path, syntax):
        rewrite(file, frames_of(file), Rows=36, Columns=40)
    assert "the data set says 36x40 pixels, the" in refusal(tmp_path)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless], ids=lambda syntax: syntax.name)
def test_a_precision_other_than_bits_stored_is_read(tmp_path: Path, syntax: UID) -> None:
    for file in series(tmp_path, syntax, dtype="uint16", bits_stored=12):
        rewrite(file, frames_of(file), BitsStored=16, HighBit=15)
    expected = Phantom(shape=(40, 36, 3), dtype="uint16").voxels().transpose(2, 1, 0)
    np.testing.assert_array_equal(read_series(tmp_path)[0].data, expected)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless], ids=lambda syntax: syntax.name)
def test_values_beyond_bits_stored_are_refused(tmp_path: Path, syntax: UID) -> None:
    for file in series(tmp_path, syntax, dtype="uint16", bits_stored=16):
        rewrite(file, frames_of(file), BitsStored=12, HighBit=11)
    assert "the data set says 12 bits stored, the codestream has values from 0 to 65535: frame 1 of" in refusal(
        tmp_path
    )


@pytest.mark.parametrize(
    "syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: syntax.name
)
def test_a_precision_beyond_bits_allocated_is_refused(tmp_path: Path, syntax: UID) -> None:
    for file in series(tmp_path, syntax, dtype="uint16", bits_stored=16):
        rewrite(file, frames_of(file), BitsAllocated=8, BitsStored=8, HighBit=7)
    found = refusal(tmp_path)
    assert "the data set says 8 bits stored in 8, the" in found
    assert "codestream 16 bits" in found


def test_a_codestream_of_another_kind_is_refused(tmp_path: Path) -> None:
    for file in series(tmp_path, JPEGLSLossless):
        rewrite(file, frames_of(file), TransferSyntaxUID=JPEGLossless)
    assert "it is JPEG-LS: frame 1 of" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (siz(0, 2**32 - 1), "its image reaches from (0, 0) to (4294967295, 40)"),
        (siz(8, 2**31), "its image reaches from (2147483648, 0)"),
        (siz(0, 2**16), "the JPEG 2000 codestream 40x65536 pixels"),
        (siz(16, 0), "its first tile of 0x40 at (0, 0) does not cover its corner"),
        (lambda frame: siz(0, 2**30)(siz(16, 1)(frame)), "it has 1073741824 tiles"),
        (siz(24, 7), "does not cover its corner"),
        (siz(32, 3, 2), "its size segment has 41 bytes for 3 components"),
        (siz(35, 2, 1), "its components are subsampled"),
        (siz(34, 37, 1), "the data set says 12 bits stored in 16, the JPEG 2000 codestream 38 bits"),
        (lambda frame: frame[:20], "it ends in its header"),
        (put(0, b"\0"), "it does not start as JPEG 2000 does"),
        (lambda _frame: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "a JP2 file without a codestream"),
    ],
)
def test_sizes_of_jpeg_2000_that_cannot_be_are_refused(
    tmp_path: Path, edit: Callable[[bytes], bytes], reason: str
) -> None:
    file = series(tmp_path, JPEG2000Lossless)[1]
    change(file, edit)
    assert reason in refusal(tmp_path)


def test_jpeg_2000_in_a_jp2_file_is_read(tmp_path: Path) -> None:
    head = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\0jp2c"
    for file in series(tmp_path, JPEG2000Lossless):
        change(file, lambda frame: head + frame)
    with pytest.raises(UnreadableError, match="which the decoder refused"):  # gdcm reads none, and says so
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("syntax", "edit", "reason"),
    [
        (JPEGLSLossless, cut_at(b"\xff\xda", b"\xff\xf8\0\x0d\4" + bytes(10)), "JPEG-LS parameters of kind 4"),
        (JPEGLSLossless, cut_at(b"\xff\xda", b"\xff\xf8\0\2"), "JPEG-LS parameters of kind 0"),
        (JPEGLossless, cut_at(b"\xff\xc3", b"\xff\xc4\0\1"), "an impossible length"),
        (JPEGLossless, cut_at(b"\xff\xc3", b"\xff\xc4\xff\xff"), "an impossible length"),
        (JPEGLossless, cut_at(b"\xff\xc3", b"junk"), "a marker is missing"),
        (JPEGLossless, cut_at(b"\xff\xc3", b"\xff\xd9"), "no frame header before its scan"),
        (JPEGLossless, cut_at(b"\xff\xc3", b"\xff\xc3\0\x0b\x10" + bytes(8)), "11 bytes for 0 components"),
        (JPEGLossless, cut_at(b"\xff\xda", b"\xff\xc3\0\x0b\x10\0\1\0\1\1\0\x11\0"), "several frame headers"),
        (JPEGLosslessSV1, lambda _frame: b"\xff\xd8\xff\xff", "ends in its header"),
        (JPEGBaseline8Bit, put(0, b"\0"), "it does not start as JPEG does"),
    ],
)
def test_headers_of_jpeg_that_cannot_be_are_refused(
    tmp_path: Path, syntax: UID, edit: Callable[[bytes], bytes], reason: str
) -> None:
    change(series(tmp_path, syntax)[1], edit)
    assert reason in refusal(tmp_path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (put(0, struct.pack("<I", 16)), "it has 16 segments, where 1 samples of 16 bits have 2"),
        (put(0, struct.pack("<I", 1)), "it has 1 segments"),
        (put(4, struct.pack("<I", 65)), "its segments start at 65,"),
        (put(8, struct.pack("<I", 2**31)), "its segments start at 64, 2147483648"),
        (lambda frame: frame[:60], "60 bytes, fewer than its header"),
        (lambda frame: frame[:80] + bytes(2), "its segments start at"),
        (lambda frame: frame + b"\x81\0" * 2**20, "its segment 2 has"),
    ],
)
def test_headers_of_rle_that_cannot_be_are_refused(
    tmp_path: Path, edit: Callable[[bytes], bytes], reason: str
) -> None:
    change(series(tmp_path, RLELossless)[1], edit)
    assert reason in refusal(tmp_path)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: syntax.name)
def test_a_frame_in_several_fragments_is_read(tmp_path: Path, syntax: UID) -> None:
    files = series(tmp_path, syntax)
    for file in files:
        rewrite(file, frames_of(file), fragments=5)
    expected = Phantom(shape=(40, 36, 3)).voxels().transpose(2, 1, 0)
    np.testing.assert_array_equal(read_series(tmp_path)[0].data, expected)


def test_more_images_than_frames_are_refused(tmp_path: Path) -> None:
    files = series(tmp_path, JPEGLSLossless)
    dataset = pydicom.dcmread(files[1])
    (frame,) = frames_of(files[1])
    dataset.PixelData = pydicom.encaps.encapsulate([frame, frame], has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(files[1])
    assert "expected one image in a frame, got 2, more than NumberOfFrames says: frame 1" in refusal(tmp_path)
    rewrite(files[1], [frame, frame])
    assert f"expected 1 compressed frames, got 2: {files[1]}" in refusal(tmp_path)


def test_pixels_of_another_kind_are_not_compressed_ones(tmp_path: Path) -> None:
    for file in series(tmp_path, JPEGLSLossless):
        dataset = pydicom.dcmread(file)
        del dataset.PixelData
        dataset.FloatPixelData = bytes(4 * 40 * 36)
        dataset.save_as(file)
    assert "expected compressed pixel data, got none" in refusal(tmp_path)


def test_fewer_images_than_frames_are_refused(tmp_path: Path) -> None:
    enhanced(tmp_path / "scan.dcm")
    dataset = pydicom.dcmread(tmp_path / "scan.dcm")
    dataset.compress(RLELossless, generate_instance_uid=False)
    frames = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=4))
    dataset.PixelData = pydicom.encaps.encapsulate(frames[:3])
    dataset.save_as(tmp_path / "scan.dcm")
    with pytest.raises(UnreadableError, match="expected 4 compressed frames, got 3"):
        read_series(tmp_path / "scan.dcm")


def test_twelve_bits_of_lossy_jpeg_are_unsupported(tmp_path: Path) -> None:
    for file in series(tmp_path, JPEGLossless):
        rewrite(file, frames_of(file), TransferSyntaxUID=JPEGExtended12Bit)
    reason = "12 bits of lossy JPEG, which no decoder here supports"
    assert list_series(tmp_path)[0].reason == reason
    with pytest.raises(UnsupportedError, match=reason):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("os.abort()", "it crashed: SIGABRT"),
        ("os.kill(os.getpid(), 11)", "it crashed: SIGSEGV"),
        ("os._exit(1)", "it crashed: exit code 1"),
        ("os.kill(os.getpid(), 27)", "it took too much time"),
        ("print('MemoryError')", "MemoryError"),
        ("print(); os._exit(0)", "it crashed: exit code 0"),
    ],
)
def test_a_decoder_that_crashes_is_an_error(tmp_path: Path, words: str, reason: str) -> None:
    series(tmp_path, JPEGLSLossless)
    with broken_decoder(words):
        assert f"which the decoder refused ({reason}): frame 1 of {tmp_path}" in refusal(tmp_path)
    assert read_series(tmp_path)[0].shape == (36, 40, 3)


def test_a_decoder_that_was_killed_is_no_fault_of_the_scan(tmp_path: Path) -> None:
    series(tmp_path, JPEGLSLossless)
    killed = pytest.raises(OSError, match=r"decoder was killed \(SIGKILL\), probably because memory ran out$")
    with broken_decoder("os.kill(os.getpid(), 9)"), killed:
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [("while True: pass", "it took too much time"), ("bytearray(2**36)", "MemoryError")],
)
def test_time_and_memory_of_a_decoder_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    series(tmp_path, JPEGLSLossless)
    limited = (
        "import sys; sys.path[:] = {path!r}; from medpaint.io.codecs import worker; worker._SECONDS = 0.3\n"
        f"def decoded(task, frame):\n {words}\n"
        "worker.decoded = decoded; worker.serve()"
    )
    monkeypatch.setattr(decoder_process, "_START", limited)
    decoder_process._worker.cache_clear()
    found = refusal(tmp_path)
    decoder_process._worker.cache_clear()
    assert f"which the decoder refused ({reason})" in found


def test_a_process_that_ended_between_frames_is_replaced(tmp_path: Path) -> None:
    series(tmp_path, JPEGLSLossless)
    before, _ = read_series(tmp_path)
    process = decoder_process._worker(os.getpid())._process
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    after, _ = read_series(tmp_path)
    np.testing.assert_array_equal(after.data, before.data)


def test_a_process_that_cannot_start_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series(tmp_path, JPEGLSLossless)
    monkeypatch.setattr(decoder_process, "_START", "raise SystemExit(5)")
    decoder_process._worker.cache_clear()
    with pytest.raises(OSError, match=r"does not start \(exit code 5\)"):
        read_series(tmp_path)
    decoder_process._worker.cache_clear()
