"""Our side of C-MOVE: a local port to which the asked server can send, and nobody else unless named."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from medpaint.core.errors import ServerError, UsageError
from medpaint.pacs.association import Entity
from medpaint.pacs.reception import Intake
from medpaint.pacs.retry import PermanentError, TransientError
from medpaint.pacs.senders import Senders, senders_of
from medpaint.pacs.services import CLASSES, SYNTAXES, context_of

__all__ = ["receiving", "waiting_for"]

_MOST_NAMED: Final = 5
"""Refusals that a message names."""


@contextmanager
def receiving(
    entity: Entity, port: int, handlers: Sequence[Any], *, senders: Sequence[str] = ()
) -> Iterator[None]:
    """Listen at a port while the block runs; if it fails, its error says what was refused there.

    Args:
        entity: the server that was asked to send; its title alone is accepted, from its addresses.
        port: the port.
        handlers: event handlers for what is sent.
        senders: further hosts, addresses and networks that it may send from.

    Raises:
        UsageError: the port cannot be used, or a sender is unknown.
    """
    refused: dict[str, None] = {}
    refusing = _refusing(entity, senders_of(entity.host, senders), refused)
    ours = entity.application()
    ours.network_timeout = entity.timeout_s
    ours.require_called_aet, ours.require_calling_aet = True, [entity.title]
    contexts = [context_of(one, *SYNTAXES) for one in CLASSES]
    try:
        listening = ours.start_server(
            ("", port),
            block=False,
            contexts=contexts,
            evt_handlers=[*handlers, *refusing],
        )
    except OSError as error:
        message = f"expected a free port to receive at, cannot use {port}: {error.strerror or error}"
        raise UsageError(message) from error
    try:
        yield
    except (TransientError, PermanentError, ServerError) as error:
        if not refused:
            raise
        more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
        message = f"{error}; refused at port {port}: {', '.join(list(refused)[:_MOST_NAMED])}{more}"
        raise type(error)(message) from error
    finally:
        listening.shutdown()
        for one in listening.active_associations:
            one.abort()


def _refusing(entity: Entity, accepted: Senders, refused: dict[str, None]) -> list[Any]:
    """Return event handlers that refuse other senders than the accepted ones, and note what is refused."""
    events: Any = import_module("pynetdicom.events")

    def check_address(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        if refusal := accepted.refusal(event.address[0]):
            refused[refusal] = None
            peer = event.assoc.dul.socket
            peer.recv = lambda _count: b""  # nothing that it sends counts towards the transfer
            peer.socket.shutdown(socket.SHUT_RDWR)

    def note_title(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        asked = event.assoc.requestor.primitive
        if asked.calling_ae_title != entity.title:
            refused[f"an association with another title than {entity.title}"] = None
        elif asked.called_ae_title != entity.calling:
            refused[f"an association that does not call {entity.calling}"] = None
        else:
            refused["an association, because too many were open"] = None

    def note_services(event: Any) -> None:  # noqa: ANN401 - of pynetdicom
        for one in event.assoc.rejected_contexts:
            name = one.abstract_syntax.name
            known = name if name != str(one.abstract_syntax) else "an unknown kind of object"
            refused[known] = None

    return [
        (events.EVT_CONN_OPEN, check_address),
        (events.EVT_REJECTED, note_title),
        (events.EVT_ACCEPTED, note_services),
    ]


def waiting_for(association: Any, intake: Intake, timeout_s: float) -> None:  # noqa: ANN401 - of pynetdicom
    """Let an association wait for an answer for as long as instances arrive over others.

    During C-MOVE a server need not report its progress (DICOM PS3.4, C.4.2.3).
    """
    wait = association.dimse.get_msg

    def get_msg(block: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the library's own signature
        while True:
            found = wait(block=block)
            if found != (None, None) or not block or time.monotonic() - intake.last > timeout_s:
                return found

    association.dimse.get_msg = get_msg
