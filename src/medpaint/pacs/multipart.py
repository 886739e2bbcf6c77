"""Parts of a multipart answer, read as they come (RFC 2046, 5.1; DICOM PS3.18, 8.6.1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Final

from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["boundary_of", "parts_of"]

_LONGEST_HEAD: Final = 2**16
_LONGEST_BOUNDARY: Final = 70


def boundary_of(kind: str) -> bytes:
    """Return the boundary of the parts that a content type states.

    Raises:
        PermanentError: the type is another one, or states no boundary.
    """
    message = Message()
    message["Content-Type"] = kind
    boundary = message.get_boundary() or ""
    if message.get_content_type() != "multipart/related" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        reason = "expected instances in a multipart answer, got an answer of another kind"
        raise PermanentError(reason)
    return boundary.encode("latin-1", "replace")


def parts_of(chunks: Iterable[bytes], boundary: bytes) -> Iterator[Iterator[bytes]]:
    """Yield the content of each part, itself in pieces; a part that was not read to its end is passed over.

    Args:
        chunks: the body of the answer.
        boundary: what separates the parts.

    Raises:
        TransientError: the body ends before its last boundary.
        PermanentError: a part without an end of its header.
    """
    body = _Body(chunks, b"\r\n--" + boundary)
    _drain(body.until_mark())
    while body.begins_part():
        content = body.until_mark()
        yield content
        _drain(content)


class _Body:
    """The body of an answer, of which no more is held than a chunk.

    Args:
        chunks: of the body.
        mark: what stands before and after each part.
    """

    def __init__(self, chunks: Iterable[bytes], mark: bytes) -> None:
        self._chunks, self._mark = iter(chunks), mark
        self._held = bytearray(b"\r\n")  # the first mark may lack it

    def until_mark(self) -> Iterator[bytes]:
        """Yield what comes before the next mark, and pass over the mark."""
        while (at := self._held.find(self._mark)) < 0:
            safe = len(self._held) - len(self._mark) + 1
            if safe > 0:
                yield bytes(self._held[:safe])
                del self._held[:safe]
            self._fill()
        yield bytes(self._held[:at])
        del self._held[: at + len(self._mark)]

    def begins_part(self) -> bool:
        """Return whether a part follows the mark, and pass over its header; False after the last mark."""
        while len(self._held) < len(b"--"):
            self._fill()
        if self._held.startswith(b"--"):
            return False
        while (at := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _LONGEST_HEAD:
                reason = "expected instances in a multipart answer, got a part without an end of its header"
                raise PermanentError(reason)
            self._fill()
        del self._held[: at + len(b"\r\n\r\n")]
        if self._held.startswith(self._mark[2:]):
            self._held[:0] = b"\r\n"  # an empty part
        return True

    def _fill(self) -> None:
        """Hold one more chunk."""
        chunk = next(self._chunks, None)
        if chunk is None:
            reason = "the transfer broke off"
            raise TransientError(reason)
        self._held += chunk


def _drain(content: Iterator[bytes]) -> None:
    """Pass over the rest of a part."""
    for _ in content:
        pass
