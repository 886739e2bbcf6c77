"""Voxels of NRRD and MetaImage files are what the file holds, or the file is refused; ITK never unpacks them."""

from __future__ import annotations

import re
import tracemalloc
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medpaint.core.errors import MedpaintError, UnreadableError
from medpaint.core.types import Array
from medpaint.io.itk import read_itk
from medpaint.io.source import Derivation

# SimpleITK does not say what types its functions take.
sitk: Any = import_module("SimpleITK")

DONE = Derivation("tested", "key")
DATA: Array = np.random.default_rng(2).integers(-9, 9, (6, 5, 4)).astype(np.int16)
SIZE = re.compile(rb"CompressedDataSize = \d+\n")


def saved(path: Path, data: Array = DATA, *, compressed: bool = True) -> Path:
    """Save an image by ITK."""
    sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(data.T)), str(path), useCompression=compressed)
    return path


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    """Replace a text in a file."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    return path


@pytest.mark.parametrize("line", [b"", b"CompressedDataSize = 0\n"])
def test_the_length_of_the_packed_part_need_not_be_stated(tmp_path: Path, line: bytes) -> None:
    path = saved(tmp_path / "scan.mha")
    path.write_bytes(SIZE.sub(line, path.read_bytes()))
    volume, source = read_itk(path)
    np.testing.assert_array_equal(volume.data, DATA)
    changed = DATA + 1
    source.write(changed, np.ones(DATA.shape, bool), tmp_path / "out.mha", DONE)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out.mha"))).T, changed)


@pytest.mark.parametrize("line", [b"CompressedDataSize = 40\n", b"CompressedDataSize = -1\n"])
def test_a_wrong_length_of_the_packed_part_is_refused(tmp_path: Path, line: bytes) -> None:
    path = saved(tmp_path / "scan.mha")
    path.write_bytes(SIZE.sub(line, path.read_bytes()))
    with pytest.raises(UnreadableError, match="CompressedDataSize"):
        read_itk(path)


@pytest.mark.parametrize("name", ["scan.mha", "scan.nrrd"])
def test_a_changed_byte_of_the_packed_part_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name)
    original = path.read_bytes()
    start = original.index(b"LOCAL\n" if name.endswith("mha") else b"\n\n")
    rng = np.random.default_rng(3)
    for _ in range(200):
        content = bytearray(original)
        content[rng.integers(start + 6, len(content))] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            volume, _ = read_itk(path)
        except MedpaintError:
            continue
        np.testing.assert_array_equal(volume.data, DATA)


@pytest.mark.parametrize("name", ["scan.mha", "scan.nrrd"])
def test_what_itk_reads_of_a_changed_header_is_read_alike(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, compressed=False)
    original = path.read_bytes()
    end = len(original) - DATA.nbytes
    rng = np.random.default_rng(4)
    read = 0
    for _ in range(300):
        content = bytearray(original)
        content[rng.integers(0, end)] = rng.choice(list(b"0123456789 -=\nTF"))
        path.write_bytes(content)
        try:
            volume, _ = read_itk(path)
        except MedpaintError:
            continue
        read += 1
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(volume.data, expected.T.reshape(volume.shape))
        assert volume.data.dtype == expected.dtype
    assert read > 20


@pytest.mark.parametrize(
    ("name", "bytes_per_voxel"),
    [
        *(("CHAR", 1), ("UCHAR", 1), ("SHORT", 2), ("USHORT", 2), ("INT", 4), ("UINT", 4)),
        *(("LONG", 4), ("ULONG", 4), ("LONG_LONG", 8), ("ULONG_LONG", 8), ("FLOAT", 4), ("DOUBLE", 8)),
    ],
)
@pytest.mark.parametrize("big", [b"True", b"False"])
def test_every_element_type_is_read_as_itk_reads_it(
    tmp_path: Path, name: str, bytes_per_voxel: int, big: bytes
) -> None:
    path = tmp_path / "scan.mha"
    voxels = (np.arange(8 * bytes_per_voxel) % 60).astype(np.uint8).tobytes()
    head = b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = %s\nDimSize = 2 2 2\n"
    path.write_bytes(head % big + b"ElementType = MET_%s\nElementDataFile = LOCAL\n" % name.encode() + voxels)
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T
    volume, _ = read_itk(path)
    np.testing.assert_array_equal(volume.data, expected)
    assert volume.data.dtype == expected.dtype


def test_header_size_counts_from_the_start_of_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.mha", compressed=False)
    size = len(path.read_bytes()) - DATA.nbytes + len("HeaderSize = 0000\n")
    replaced(path, b"DimSize", b"HeaderSize = %04d\nDimSize" % (size + 7))
    path.write_bytes(path.read_bytes() + bytes(7))
    volume, _ = read_itk(path)
    np.testing.assert_array_equal(volume.data, sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T)


def test_voxels_at_the_end_of_the_file_are_read_from_there(tmp_path: Path) -> None:
    path = replaced(saved(tmp_path / "scan.mha", compressed=False), b"DimSize", b"HeaderSize = -1\nDimSize")
    replaced(path, b"LOCAL\n", b"LOCAL\nforeign header")
    np.testing.assert_array_equal(read_itk(path)[0].data, DATA)


def test_voxels_inside_the_header_are_refused(tmp_path: Path) -> None:
    path = replaced(saved(tmp_path / "scan.mha", compressed=False), b"DimSize", b"HeaderSize = 100\nDimSize")
    with pytest.raises(UnreadableError, match="HeaderSize 100, but a header of"):
        read_itk(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("scan.mha", b"LOCAL", b"scan.mha"), ("scan.nrrd", b"encoding: raw", b"encoding: raw\ndata file: scan.nrrd")],
)
def test_a_header_that_names_itself_as_its_data_is_refused(
    tmp_path: Path, name: str, old: bytes, new: bytes
) -> None:
    path = replaced(saved(tmp_path / name, compressed=False), old, new)
    with pytest.raises(UnreadableError, match="is the header itself"):
        read_itk(path)


def test_two_byte_orders_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.mha", compressed=False)
    replaced(path, b"DimSize", b"ElementByteOrderMSB = True\nDimSize")
    with pytest.raises(UnreadableError, match="two byte orders"):
        read_itk(path)


def test_a_packed_part_much_longer_than_stated_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.mha")
    head = SIZE.sub(b"", path.read_bytes().partition(b"LOCAL\n")[0]) + b"LOCAL\n"
    path.write_bytes(head + zlib.compress(bytes(60_000_000)))
    tracemalloc.start()
    with pytest.raises(UnreadableError, match="it unpacks to more than"):
        read_itk(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000


def test_more_voxels_than_the_packed_part_can_hold_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = replaced(saved(tmp_path / "scan.mha"), b"DimSize = 6 5 4", b"DimSize = 60000 50000 4")
    with pytest.raises(UnreadableError, match="states 12,000,000,000 bytes, the file has at most"):
        read_itk(path)
