"""Parts of a multipart answer, however it is cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medpaint.pacs.multipart import boundary_of, parts_of
from medpaint.pacs.retry import PermanentError, TransientError

BODY = b"preamble\r\n--b\r\nA: 1\r\n\r\none\r\n--bogus\r\n--b\r\n\r\n\r\n--b\r\nC: 3\r\n\r\n\r\n--b--\r\nepilogue"


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_parts_do_not_depend_on_the_chunks(size: int) -> None:
    body = BODY.replace(b"--bogus", b"-bogus")
    found = [b"".join(part) for part in parts_of(chunked(body, size), b"b")]
    assert found == [b"one\r\n-bogus", b"", b""]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_part_that_is_not_read_is_passed_over(size: int) -> None:
    body = b"--b\r\nA: 1\r\n\r\n" + b"x" * 100 + b"\r\n--b\r\nA: 1\r\n\r\nlast\r\n--b--"
    found = [b"".join(part) if number else b"" for number, part in enumerate(parts_of(chunked(body, size), b"b"))]
    assert found == [b"", b"last"]


@pytest.mark.parametrize("length", [0, 3, 20, 40])
def test_a_body_without_its_last_boundary_broke_off(length: int) -> None:
    body = b"--b\r\nA: 1\r\n\r\none\r\n--b\r\nA: 1\r\n\r\ntwo\r\n--b-"
    with pytest.raises(TransientError, match="the transfer broke off"):
        _ = [b"".join(part) for part in parts_of([body[:length]], b"b")]


def test_a_header_without_an_end_is_refused() -> None:
    with pytest.raises(PermanentError, match="without an end of its header"):
        _ = [b"".join(part) for part in parts_of([b"--b\r\n", b"x" * 70_000], b"b")]


@pytest.mark.parametrize(
    "kind", ['multipart/related; type="application/dicom"; boundary="a;b=c"', "Multipart/Related; BOUNDARY=a;b"]
)
def test_the_boundary_is_read(kind: str) -> None:
    assert boundary_of(kind) in {b"a;b=c", b"a"}


@pytest.mark.parametrize(
    "kind", ["", "text/html", "multipart/related", "multipart/form-data; boundary=a", "a\r\nb", "x" * 300]
)
def test_other_content_types_are_refused(kind: str) -> None:
    with pytest.raises(PermanentError, match="expected instances in a multipart answer"):
        boundary_of(kind)
