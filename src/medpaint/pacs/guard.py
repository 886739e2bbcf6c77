"""A watch over what an application entity sends: without it, pynetdicom waits for as long as bytes trickle in."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from medpaint.pacs.limits import Allowance
from medpaint.pacs.retry import PermanentError

__all__ = ["guarding"]

_PIECE: Final = 2**16


def guarding(allowance: Allowance, timeout_s: float) -> tuple[Any, Callable[[Any], None]]:
    """Return an event handler that ends a connection over which too much comes, or too slowly.

    Args:
        allowance: what may come.
        timeout_s: seconds to wait for the next bytes of a message that has begun.
    """
    events: Any = import_module("pynetdicom.events")

    def guard(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        peer = event.assoc.dul.socket
        connection = peer.socket
        connection.settimeout(timeout_s)

        def recv(count: int) -> bytearray:
            found = bytearray()
            while len(found) < count:
                piece = connection.recv(min(_PIECE, count - len(found)))
                if not piece:
                    break
                try:
                    allowance.take(len(piece))
                except PermanentError as error:
                    raise OSError from error  # which the library takes for the end of the connection
                found += piece
            return found

        peer.recv = recv

    return events.EVT_CONN_OPEN, guard
