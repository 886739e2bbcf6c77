"""Servers of both kinds on loopback that behave, or misbehave, as a test asks."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Final

from orthanc import free_port
from pydicom import Dataset, FileDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from medpaint.pacs import Server, connect

__all__ = [
    "PARTS",
    "SERIES",
    "STUDY",
    "WAYS",
    "Behaviour",
    "Handler",
    "bytes_of",
    "dicomweb",
    "entity",
    "finds",
    "gives",
    "moves",
    "part_of",
    "peer",
    "report",
    "row_of",
    "sender",
    "serve",
]

STUDY, SERIES = "1.2.3", "1.2.3.4"
PARTS: Final = 'multipart/related; type="application/dicom"; boundary=part'
"""Content type of instances in parts."""

WAYS: Final = ("DICOMweb", "C-GET", "C-MOVE")
"""How a series can be fetched."""

Handlers = Sequence[tuple[Any, Callable[..., Any]]]


@dataclass
class Behaviour:
    """What a server has and does.

    Attributes:
        images: instances that it sends.
        count: number of instances that it lists; by default that of `images`.
        series: UID of the series that it lists.
        breaks_off: whether it ends a transfer after the first instance.
        transfers: how many transfers were asked for.
    """

    images: Sequence[FileDataset] = ()
    count: int | None = None
    series: str = SERIES
    breaks_off: bool = False
    transfers: int = field(default=0, init=False)

    @property
    def listed(self) -> int:
        """Return how many instances it lists."""
        return len(self.images) if self.count is None else self.count


@contextmanager
def serve(
    way: str, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[Server]:
    """Run a server, and yield it as medpaint connects to it."""
    if way == "DICOMweb":
        with dicomweb(_handler(behaviour), tls=tls) as url:
            yield connect(url, **options)
        return
    port = free_port() if way == "C-MOVE" else None
    transfer = _gives(behaviour) if port is None else _sends(behaviour, port)
    with entity([finds(behaviour.listed, behaviour.series), transfer], tls=tls) as url:
        yield connect(url, receive=port, **options)


class Handler(BaseHTTPRequestHandler):
    """Answers requests as a subclass says in `get` and `post`."""

    def get(self) -> None:
        """Answer a request."""
        raise NotImplementedError

    def post(self, content: bytes) -> None:
        """Answer a request to store."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer a request; the name that the library calls."""
        self.get()

    def do_POST(self) -> None:
        """Answer a request to store; the name that the library calls."""
        self.post(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, content: bytes, kind: str, length: int | None = None, status: int = 200) -> None:
        """Send an answer, with a wrong length if a test asks for it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, address: str, status: int) -> None:
        """Redirect the request."""
        self.send_response(status)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def pour(self, kind: str, piece: bytes, pause_s: float = 0.0) -> None:
        """Send an answer that never ends, piece by piece."""
        with suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.trickle(piece, pause_s)

    def trickle(self, piece: bytes, pause_s: float) -> None:
        """Send a piece again and again."""
        self.close_connection = True
        with suppress(OSError):
            while True:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(pause_s)

    def answer_json(self, rows: Sequence[object]) -> None:
        """Send DICOM JSON."""
        self.answer(json.dumps(rows).encode(), "application/dicom+json")

    def log_message(self, *_words: object) -> None:
        """Log nothing."""


def _handler(behaviour: Behaviour) -> type[Handler]:
    """Return how a DICOMweb server of that behaviour answers."""

    class Answers(Handler):
        def get(self) -> None:
            if "/studies/" not in self.path:
                self.answer_json([row_of(behaviour.series, count=behaviour.listed)])
                return
            behaviour.transfers += 1
            content = b"".join(map(part_of, behaviour.images)) + b"--part--\r\n"
            if behaviour.breaks_off:
                content = content[: len(part_of(behaviour.images[0])) + 100]
            self.answer(content, PARTS, len(content) + 10000 * behaviour.breaks_off)
            self.close_connection = True

    return Answers


def row_of(
    series: object = SERIES, *, study: object = STUDY, modality: object = "CT", count: object = 4
) -> dict[str, object]:
    """Return a listed series in DICOM JSON."""
    return {
        "0020000D": {"vr": "UI", "Value": [study]},
        "0020000E": {"vr": "UI", "Value": [series]},
        "00080060": {"vr": "CS", "Value": [modality]},
        "00201209": {"vr": "IS", "Value": [count]},
    }


def part_of(image: FileDataset | bytes) -> bytes:
    """Return an instance as a part of an answer."""
    content = image if isinstance(image, bytes) else bytes_of(image)
    return b"--part\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n"


def bytes_of(image: FileDataset) -> bytes:
    """Return an instance as a file."""
    content = BytesIO()
    image.save_as(content)
    return content.getvalue()


@contextmanager
def dicomweb(handler: type[Handler], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a DICOMweb server, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as one:
        if tls is not None:
            one.socket = tls.wrap_socket(one.socket, server_side=True)
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{one.server_address[1]}/dicom-web"
        one.shutdown()


@contextmanager
def entity(handlers: Handlers, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run an application entity that does what the handlers say, and yield its address."""
    ours = AE(ae_title="OTHER")
    ours.require_called_aet = True
    offered = {event for event, _ in handlers}
    for event, context in [
        (evt.EVT_C_FIND, StudyRootQueryRetrieveInformationModelFind),
        (evt.EVT_C_GET, StudyRootQueryRetrieveInformationModelGet),
        (evt.EVT_C_MOVE, StudyRootQueryRetrieveInformationModelMove),
    ]:
        if event in offered:
            ours.add_supported_context(context)
    ours.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    running = ours.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers), ssl_context=tls)
    assert running is not None
    assert running.socket is not None
    try:
        yield f"{'dicoms' if tls else 'dicom'}://OTHER@127.0.0.1:{running.socket.getsockname()[1]}"
    finally:
        running.shutdown()


@contextmanager
def peer(answer: Callable[[socket.socket], None], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run whatever answers at a port, each connection in a thread, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def converse(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                answer(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=converse, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def finds(count: int, series: str = SERIES) -> tuple[Any, Callable[..., Any]]:
    """Answer every query with one series of `count` instances."""

    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID, found.Modality = STUDY, series, "CT"
        found.NumberOfSeriesRelatedInstances = count
        yield 0xFF00, found

    return evt.EVT_C_FIND, answer


def gives(images: Sequence[FileDataset]) -> tuple[Any, Callable[..., Any]]:
    """Send images when a series is asked for by C-GET."""
    return _gives(Behaviour(images))


def _gives(behaviour: Behaviour) -> tuple[Any, Callable[..., Any]]:
    """Send what the behaviour says when a series is asked for by C-GET."""

    def answer(event: Any) -> Iterator[Any]:
        behaviour.transfers += 1
        yield len(behaviour.images)
        for image in behaviour.images:
            yield 0xFF00, image
            if behaviour.breaks_off:
                event.assoc.abort()
                return

    return evt.EVT_C_GET, answer


def _sends(behaviour: Behaviour, port: int) -> tuple[Any, Callable[..., Any]]:
    """Send what the behaviour says when a series is asked for by C-MOVE."""

    def send(event: Any) -> None:
        behaviour.transfers += 1
        with sender(port) as association:
            for image in behaviour.images:
                association.send_c_store(image)
                if behaviour.breaks_off:
                    event.assoc.abort()
                    return
        report(event, completed=len(behaviour.images))

    return moves(send)


def moves(send: Callable[[Any], None]) -> tuple[Any, Callable[..., Any]]:
    """Do what a function does, reports included, when a series is asked for by C-MOVE."""

    def answer(event: Any) -> Iterator[Any]:
        send(event)
        yield "127.0.0.1", 104
        yield 0  # what the library then reports comes after the end

    return evt.EVT_C_MOVE, answer


def report(event: Any, status: int = 0, **counts: int) -> None:
    """Report to a request by C-MOVE: its status, and counts such as ``completed``."""
    answer = C_MOVE()
    answer.MessageIDBeingRespondedTo = event.request.MessageID
    answer.AffectedSOPClassUID = event.request.AffectedSOPClassUID
    answer.Status = status
    for name, count in counts.items():
        setattr(answer, f"NumberOf{name.capitalize()}Suboperations", count)
    event.assoc.dimse.send_msg(answer, event.context.context_id)


@contextmanager
def sender(
    port: int, title: str = "OTHER", kind: str = CTImageStorage, address: str = "127.0.0.1"
) -> Iterator[Any]:
    """Yield an association that sends to a port of medpaint."""
    ours = AE(ae_title=title)
    ours.add_requested_context(kind, ExplicitVRLittleEndian)
    association = ours.associate("127.0.0.1", port, ae_title="MEDPAINT", bind_address=(address, 0))
    connection = association.dul.socket and association.dul.socket.socket
    yield association
    if association.is_established:
        association.release()
    if connection is not None:
        connection.close()  # the library leaves it open if the other side has ended it
