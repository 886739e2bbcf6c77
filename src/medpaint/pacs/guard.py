"""A watch over what an application entity sends: without it, pynetdicom waits for as long as bytes trickle in."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from medpaint.pacs.contact import Contact, is_pdu
from medpaint.pacs.limits import PDU_BYTES, Allowance
from medpaint.pacs.retry import PermanentError

__all__ = ["guarding", "recording", "watching"]

_PIECE: Final = 2**16

Handler = tuple[Any, Callable[[Any], None]]


def guarding(allowance: Allowance, timeout_s: float, contact: Contact | None = None) -> Handler:
    """Return an event handler that ends a connection over which too much comes, or too slowly.

    Args:
        allowance: what may come.
        timeout_s: seconds to wait for the next bytes of a message that has begun.
        contact: notes what came.
    """
    events: Any = import_module("pynetdicom.events")

    def guard(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        peer = event.assoc.dul.socket
        peer.socket.settimeout(timeout_s)
        watch = contact or Contact("", "", timeout_s)
        watch.connection, watch.message_s = peer.socket, time.monotonic()
        peer.recv = _Reading(peer.socket, allowance, watch).recv

    return events.EVT_CONN_OPEN, guard


def watching(contact: Contact) -> list[Handler]:
    """Return event handlers that note why a connection to another side fails, and what comes over it."""
    events: Any = import_module("pynetdicom.events")

    def replace(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        peer = event.assoc.dul.socket
        if type(peer.socket) is socket.socket:  # it is not connected yet
            peer.socket = recording(socket.socket, contact)(fileno=peer.socket.detach())

    def note_time(_event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        contact.message_s = time.monotonic()

    return [
        (events.EVT_ACSE_SENT, replace),
        (events.EVT_DATA_RECV, lambda event: contact.receive(event.data)),
        (events.EVT_DIMSE_SENT, note_time),
        (events.EVT_DIMSE_RECV, note_time),
    ]


def recording(base: Any, contact: Contact) -> Any:  # noqa: ANN401 - socket.socket or ssl.SSLSocket
    """Return a class of sockets that note why they cannot connect, which pynetdicom only logs."""

    class Recording(base):  # type: ignore[misc]
        def connect(self, address: Any) -> None:  # noqa: ANN401 - as its base
            try:
                super().connect(address)
            except OSError as error:
                contact.failure = error
                self.close()
                raise

        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
            contact.reached = True
            super().do_handshake(block)

    return Recording


class _Reading:
    """Reads from a connection in place of pynetdicom.

    Args:
        connection: what is read.
        allowance: what may come.
        contact: notes what came.
    """

    def __init__(self, connection: socket.socket | ssl.SSLSocket, allowance: Allowance, contact: Contact) -> None:
        self._connection, self._allowance, self._contact = connection, allowance, contact
        self._is_header = True

    def recv(self, count: int) -> bytes:
        """Return as many bytes, or fewer if the connection ends: the header of a PDU and its content in turn.

        Raises:
            OSError: too much comes, or too slowly, or the connection broke; pynetdicom takes it for its end.
        """
        try:
            if count > PDU_BYTES:
                self._allowance.use_up(f"it announces a PDU of {count} bytes, more than {PDU_BYTES}")
                self._allowance.check()
            found = self._read(count)
        except PermanentError as error:
            raise OSError from error
        except OSError as error:
            self._contact.end = self._contact.end or error
            raise
        if len(found) < count:
            self._contact.end = self._contact.end or OSError()
        if self._is_header and found:
            self._contact.begins(found)
        self._is_header = not (self._is_header and is_pdu(found))
        return found

    def _read(self, count: int) -> bytes:
        """Return as many bytes, or fewer if the connection ends."""
        found = bytearray()
        while len(found) < count:
            piece = self._connection.recv(min(_PIECE, count - len(found)))
            if not piece:
                break
            self._allowance.take(len(piece))
            found += piece
        return bytes(found)
