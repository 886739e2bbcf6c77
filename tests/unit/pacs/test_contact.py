"""What a watched connection says of its failure."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from medpaint.pacs.contact import Contact
from medpaint.pacs.retry import PermanentError, TransientError

REJECTED = b"\x03\0\0\0\0\x04\0"


@pytest.fixture
def contact() -> Contact:
    return Contact("OTHER", "MEDPAINT", 5.0)


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), TransientError, "its host is unknown"),
        (ConnectionRefusedError(111, "Connection refused"), TransientError, "be reached: Connection refused"),
        (OSError(113, "No route to host"), TransientError, "could not be reached: No route to host"),
        (TimeoutError("timed out"), TransientError, "no connection within 5 s"),
    ],
)
def test_a_failed_connection_has_its_reason(contact: Contact, failure: OSError, kind: Any, words: str) -> None:
    contact.failure = failure
    assert type(contact.reason()) is kind
    assert words in str(contact.reason())


@pytest.mark.parametrize(
    ("pdu", "kind", "words"),
    [
        (REJECTED + b"\x01\x01\x07", PermanentError, "called AE title not recognized (check OTHER"),
        (REJECTED + b"\x02\x03\x02", TransientError, "(for now, by its upper layer): local limit exceeded"),
        (REJECTED + b"\x01\x03\x63", PermanentError, "reason 99, undefined in DICOM"),
        (b"\x07\0\0\0\0\x04\0\0\x00\x00", TransientError, "aborted the association (by its application)"),
        (b"\x07\0\0\0\0\x04\0\0\x02\x02", TransientError, "(by its upper layer: unexpected PDU)"),
    ],
)
def test_a_rejection_or_an_abort_has_its_reason(contact: Contact, pdu: bytes, kind: Any, words: str) -> None:
    contact.begins(pdu[:6])
    contact.receive(pdu)
    contact.end = OSError()  # it also ends the connection, which tells less
    assert type(contact.reason()) is kind
    assert words in str(contact.reason())


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ((b"HTTP/1",), "a web server (HTTP)"),
        ((b"\x15\x03\x03\0\x02\x02",), "use dicoms://"),
        ((b"garbag",), "something other than DICOM"),
        ((b"\x02\0\0\0\0\x10", b"HTTP/1"), "something other than DICOM"),
    ],
)
def test_other_protocols_are_known_by_their_first_bytes(
    contact: Contact, headers: tuple[bytes, ...], words: str
) -> None:
    for header in headers:
        contact.begins(header)
    assert type(contact.reason()) is PermanentError
    assert words in str(contact.reason())


def test_silence_and_what_cannot_be_parsed_are_told_apart_by_the_time(contact: Contact) -> None:
    assert str(contact.reason()) == "it sends a message that cannot be parsed"
    contact.message_s -= 5.0
    assert str(contact.reason()) == "it did not answer within 5 s (--timeout allows more time)"
