"""What happened on a connection to an application entity, in words (DICOM PS3.8)."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Final

from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["PDU_HEADER", "Contact", "EndedError", "is_pdu"]

PDU_HEADER: Final = 6
"""Bytes before the content of a PDU: its type, a reserved byte and its length (PS3.8, 9.3.1)."""

_REJECTION: Final = 3
_ABORT: Final = 7
_SHORTEST: Final = PDU_HEADER + 4
"""Bytes of a rejection or an abort; the last three are its result, source and reason (PS3.8, 9.3.4 and 9.3.8)."""

_ANSWERS: Final = frozenset({2, _REJECTION, _ABORT})
"""Types of the PDUs that can answer the request for an association."""

_TRANSIENT: Final = 2
_RESULTS: Final = {1: "for good", _TRANSIENT: "for now"}
_REJECTERS: Final = {1: "its application", 2: "its association control (ACSE)", 3: "its upper layer"}
_REJECTED: Final = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized (register {calling} there, or give its title for us by --calling)",
    (1, 7): "called AE title not recognized (check {title} in the address)",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""Reasons of a rejection by source and code (PS3.8, 9.3.4)."""

_OF_USER: Final = 0
_ABORTED: Final = {
    0: "no reason given",
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}
"""Reasons of an abort by the provider (PS3.8, 9.3.8)."""

_OTHERS: Final = {
    b"HTTP": "a web server (HTTP) answers at this port, not a DICOM application entity",
    b"<": "a web server (HTTP) answers at this port, not a DICOM application entity",
    b"\x15\x03": "it expects TLS at this port: use dicoms://",
    b"\x16\x03": "it expects TLS at this port: use dicoms://",
    b"SSH-": "an SSH server answers at this port, not a DICOM application entity",
}
"""Servers that are known by how their answer begins."""

_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})
"""OpenSSL's reasons where an answer is not TLS."""

Failure = TransientError | PermanentError


class EndedError(TransientError):
    """The association has ended, or brought no answer; its contact knows why."""


def is_pdu(header: bytes) -> bool:
    """Return whether bytes begin like a PDU."""
    return len(header) == PDU_HEADER and 1 <= header[0] <= _ABORT


class Contact:
    """Watches a connection, and says why it brought no association or no answer.

    Args:
        title: title of the other side.
        calling: our title.
        timeout_s: seconds that we wait for a connection or an answer.

    Attributes:
        failure: why there is no connection.
        reached: whether the host accepted the connection, on which TLS may still fail.
        header: the first bytes that came.
        foreign: the first bytes that came where a PDU should begin, but that do not begin one.
        end: how the connection ended; an empty error if the other side closed it.
        pdu: the last rejection or abort that came.
        connection: what it came over.
        message_s: when the last message or request was sent or came.
    """

    def __init__(self, title: str, calling: str, timeout_s: float) -> None:
        self._title, self._calling, self._timeout_s = title, calling, timeout_s
        self.failure: OSError | None = None
        self.reached = False
        self.header = self.foreign = b""
        self.end: OSError | None = None
        self.pdu = b""
        self.connection: socket.socket | None = None
        self.message_s = time.monotonic()

    def begins(self, header: bytes) -> None:
        """Note the bytes with which a PDU should begin."""
        self.header = self.header or header
        if not is_pdu(header):
            self.foreign = self.foreign or header

    def receive(self, pdu: bytes) -> None:
        """Note a PDU that came."""
        if pdu[0] in {_REJECTION, _ABORT} and len(pdu) >= _SHORTEST:
            self.pdu = pdu

    def close(self) -> None:
        """Close the connection, which pynetdicom leaves open if the other side has reset it."""
        if self.connection is not None:
            self.connection.close()

    def reason(self) -> Failure:
        """Return why there is no association, or no answer, as an error to raise."""
        if self.failure is not None:
            return self._to_connect(self.failure)
        if self.pdu:
            *_, result, source, code = self.pdu[:_SHORTEST]
            return (
                self._by_abort(source, code) if self.pdu[0] == _ABORT else self._by_rejection(result, source, code)
            )
        if self.foreign or (self.header and self.header[0] not in _ANSWERS):
            return self._by_others()
        if self.end is not None:
            return self._by_end(self.end)
        if time.monotonic() - self.message_s > self._timeout_s / 2:
            return TransientError(f"it did not answer within {self._timeout_s:g} s (--timeout allows more time)")
        return PermanentError("it sends a message that cannot be parsed")

    def _to_connect(self, error: OSError) -> Failure:
        """Return why there is no connection."""
        if self.reached or isinstance(error, ssl.SSLError):
            return self._to_secure(error)
        why = error.strerror or str(error)
        if isinstance(error, socket.gaierror):
            why = f"its host is unknown ({error.strerror})"
        elif isinstance(error, TimeoutError):
            why = f"no connection within {self._timeout_s:g} s (--timeout allows more time)"
        return TransientError(f"it could not be reached: {why}")

    def _to_secure(self, error: OSError) -> Failure:
        """Return why TLS failed over a connection."""
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted: {error.verify_message} (name one to trust with --authority)"
            return PermanentError(why)
        if isinstance(error, TimeoutError):
            why = f"it did not complete the TLS handshake within {self._timeout_s:g} s"
            return TransientError(f"{why}: it may not speak TLS at this port (or --timeout allows more time)")
        if isinstance(error, (ssl.SSLEOFError, ConnectionError)):
            why = "it ended the connection during the TLS handshake: it may not speak TLS at this port"
            return TransientError(why)
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        if reason in _NOT_TLS:
            return PermanentError("it does not speak TLS at this port: check the port, or use dicom://")
        return PermanentError(f"the TLS handshake failed: {_words(reason)}")

    def _by_abort(self, source: int, code: int) -> Failure:
        """Return who aborted the association, and why."""
        by = "its application"
        if source != _OF_USER:
            by = f"its upper layer: {_ABORTED.get(code, 'a reason undefined in DICOM')}"
        return TransientError(f"it aborted the association (by {by})")

    def _by_rejection(self, result: int, source: int, code: int) -> Failure:
        """Return who rejected the association, and why."""
        undefined = f"result {result}, source {source}, reason {code}, undefined in DICOM"
        reason = _REJECTED.get((source, code), undefined).format(calling=self._calling, title=self._title)
        by = f"{_RESULTS.get(result, 'for good')}, by {_REJECTERS.get(source, 'an undefined source')}"
        message = f"it rejects the association of {self._calling} with {self._title} ({by}): {reason}"
        return TransientError(message) if result == _TRANSIENT else PermanentError(message)

    def _by_others(self) -> Failure:
        """Return what the other side speaks instead of DICOM."""
        if not self.foreign:
            return PermanentError("it answers the request for an association with something else")
        known = next((why for start, why in _OTHERS.items() if self.foreign.startswith(start)), "")
        if known and self.foreign == self.header:
            return PermanentError(known)
        if len(self.foreign) < PDU_HEADER:
            return TransientError("it ended the connection within an answer")
        return PermanentError("it sends something other than DICOM")

    def _by_end(self, error: OSError) -> Failure:
        """Return how the connection ended."""
        if isinstance(error, TimeoutError):
            return TransientError(f"it sent nothing for {self._timeout_s:g} s within an answer")
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return PermanentError(f"TLS failed: {_words(error.reason)}")
        hint = "" if self.header or self.reached else " (if it expects TLS, use dicoms://)"
        answer = "" if self.header else " without an answer"
        return TransientError(f"it ended the connection{answer}{hint}")


def _words(reason: str | None) -> str:
    """Return a reason of OpenSSL for a message."""
    return (reason or "no reason given").replace("_", " ").lower()
