"""Deflated bytes: the same every time, for any reader, from any writer."""

from __future__ import annotations

import gzip
import io
import zlib

import numpy as np
import pytest

from medpaint.io.packing import PIECE, DeflateError, Packing, pack, unpacked

CONTENT = np.random.default_rng(0).normal(0.0, 40.0, 2_000_000).astype("<i2").tobytes()


def packed(*chunks: bytes) -> bytes:
    """Return chunks as one gzipped file."""
    file = io.BytesIO()
    pack(chunks, file, "gzip")
    return file.getvalue()


def whole(content: bytes, packing: Packing) -> bytes:
    """Return what is packed in a file after its first four bytes."""
    with unpacked(io.BytesIO(b"head" + content), packing, 4) as stream:
        return b"".join(iter(lambda: stream.read(PIECE), b""))


def test_other_readers_unpack_it() -> None:
    assert len(CONTENT) > 2 * PIECE
    assert gzip.decompress(packed(CONTENT[:99], CONTENT[99:])) == CONTENT


def test_the_same_bytes_give_the_same_file_without_time_and_name() -> None:
    first = packed(CONTENT)
    assert packed(CONTENT) == first
    method, flags, time = first[2], first[3], first[4:8]
    assert (method, flags, time) == (8, 0, bytes(4))


@pytest.mark.parametrize(
    ("packing", "content"),
    [
        ("gzip", gzip.compress(CONTENT)),
        ("gzip", gzip.compress(CONTENT[:999]) + gzip.compress(CONTENT[999:]) + bytes(64)),
        ("zlib", zlib.compress(CONTENT)),
        ("zlib", gzip.compress(CONTENT)),
        ("none", CONTENT),
    ],
    ids=["gzip", "several members and padding", "zlib", "gzip as zlib", "plain"],
)
def test_other_writers_are_unpacked(packing: Packing, content: bytes) -> None:
    assert whole(content, packing) == CONTENT


@pytest.mark.parametrize("packing", ["gzip", "zlib"])
def test_damage_is_an_error(packing: Packing) -> None:
    compress = gzip.compress if packing == "gzip" else zlib.compress
    content = bytearray(compress(CONTENT))
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    with pytest.raises((DeflateError, gzip.BadGzipFile, EOFError)):
        whole(bytes(content), packing)
