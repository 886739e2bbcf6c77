"""Why an association with an application entity fails: each reason is named, and none quotes the answer."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from orthanc import free_port
from pydicom import Dataset
from pynetdicom import AE, evt
from servers import STUDY, Handler, dicomweb, entity, finds, peer

from medpaint.cli.main import main
from medpaint.core.errors import ServerError
from medpaint.pacs import connect

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_waits")]

Answer = Callable[[socket.socket], None]


def failure(port: int, scheme: str = "dicom", host: str = "127.0.0.1", **options: Any) -> str:
    """Return why a query fails."""
    server = connect(f"{scheme}://OTHER@{host}:{port}", **{"timeout_s": 1.0, **options})
    with pytest.raises(ServerError) as caught:
        server.series({"StudyInstanceUID": STUDY})
    assert "Smith" not in str(caught.value)
    return str(caught.value)


def says(*pieces: bytes, is_held: bool = False) -> Answer:
    """Answer the first request by bytes, and keep the connection open if asked to."""

    def answer(connection: socket.socket) -> None:
        connection.recv(2**16)
        for piece in pieces:
            connection.sendall(piece)
        while is_held and connection.recv(2**16):
            pass

    return answer


def rejection(result: int, source: int, reason: int) -> bytes:
    return struct.pack(">BBLBBBB", 3, 0, 4, 0, result, source, reason)


def abort(source: int, reason: int) -> bytes:
    return struct.pack(">BBLBBBB", 7, 0, 4, 0, 0, source, reason)


@pytest.mark.parametrize(
    ("result", "source", "reason", "message"),
    [
        (1, 1, 1, "(for good, by its application): no reason given"),
        (1, 1, 2, "application context name not supported"),
        (
            1,
            1,
            3,
            "calling AE title not recognized (register MEDPAINT there, or give its title for us by --calling)",
        ),
        (1, 1, 7, "called AE title not recognized (check OTHER in the address)"),
        (1, 2, 2, "(for good, by its association control (ACSE)): protocol version not supported"),
        (2, 3, 1, "(for now, by its upper layer): temporary congestion"),
        (2, 3, 2, "(for now, by its upper layer): local limit exceeded"),
        (9, 9, 9, "result 9, source 9, reason 9, undefined in DICOM"),
    ],
)
def test_a_rejection_is_named_with_source_and_reason(result: int, source: int, reason: int, message: str) -> None:
    with peer(says(rejection(result, source, reason), is_held=True)) as port:
        found = failure(port)
    assert "it rejects the association of MEDPAINT with OTHER" in found
    assert found.endswith(message)
    assert ("after 4 attempts" in found) == (result == 2)


def test_rejections_of_an_application_entity_are_named() -> None:
    with entity([finds(1)]) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ServerError, match="called AE title not recognized"):
            connect(f"dicom://WRONG@127.0.0.1:{port}").series({})
    ours = AE(ae_title="OTHER")
    ours.require_calling_aet = ["SOMEBODY"]
    ours.add_supported_context("1.2.840.10008.5.1.4.1.2.2.1")
    running = ours.start_server(("127.0.0.1", 0), block=False)
    assert running is not None
    assert running.socket is not None
    try:
        assert "calling AE title not recognized" in failure(running.socket.getsockname()[1])
    finally:
        running.shutdown()


@pytest.mark.parametrize(
    ("source", "reason", "message"),
    [
        (0, 0, "it aborted the association (by its application)"),
        (2, 1, "it aborted the association (by its upper layer: unrecognized PDU)"),
        (2, 6, "it aborted the association (by its upper layer: invalid PDU parameter value)"),
        (2, 99, "it aborted the association (by its upper layer: a reason undefined in DICOM)"),
    ],
)
def test_an_abort_is_named_with_source_and_reason(source: int, reason: int, message: str) -> None:
    with peer(says(abort(source, reason))) as port:
        assert failure(port).endswith(f"after 4 attempts: {message}")


def test_an_abort_during_a_query_is_named() -> None:
    def answer(event: Any) -> Iterator[tuple[int, Dataset]]:
        event.assoc.abort()
        yield 0xFF00, Dataset()

    with entity([(evt.EVT_C_FIND, answer)]) as url:
        assert failure(int(url.rpartition(":")[2])).endswith("it aborted the association (by its application)")


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((b"HTTP/1.1 400 Smith\r\n\r\n",), "a web server (HTTP) answers at this port"),
        ((b"<html>Smith</html>",), "a web server (HTTP) answers at this port"),
        ((b"SSH-2.0-Smith\r\n",), "an SSH server answers at this port"),
        ((b"\x15\x03\x01\0\x02\x02\x46",), "it expects TLS at this port: use dicoms://"),
        ((b"220 Smith ready\r\n",), "it sends something other than DICOM"),
        ((b"\0" * 4096,), "it sends something other than DICOM"),
        ((b"\x04\0\0\0\0\x02ab",), "it answers the request for an association with something else"),
        ((b"\x05\0\0\0\0\x04\0\0\0\0",), "it answers the request for an association with something else"),
        ((b"\x02\0\0\0\0\x06Smith!",), "it accepts the association, but its answer names none"),
        ((b"\x02\0\0\0\0\x50" + b"\x10Smith" * 14,), "it sends a message that cannot be parsed"),
        ((b"\x02\0\xff\xff\xff\xff" + b"\0" * 999,), "it announces a PDU of 4294967295 bytes, more than 16777216"),
    ],
)
def test_an_answer_that_is_not_dicom_is_named(
    capfd: pytest.CaptureFixture[str], pieces: tuple[bytes, ...], message: str
) -> None:
    start = time.monotonic()
    with peer(says(*pieces, is_held=True)) as port:
        found = failure(port, timeout_s=5.0)
    assert f"failed: {message}" in found
    assert time.monotonic() - start < 3.0
    assert capfd.readouterr() == ("", "")


def acceptance(result: int, syntax: bytes) -> bytes:
    """Accept an association, with that result for its first context."""

    def item(kind: int, content: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(content)) + content

    context = bytes([1, 0, result, 0]) + item(0x40, syntax)
    user = item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.99")
    titles = b"OTHER".ljust(16) + b"MEDPAINT".ljust(16) + bytes(32)
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x21, context) + item(0x50, user)
    content = struct.pack(">HH", 1, 0) + titles + items
    return struct.pack(">BBL", 2, 0, len(content)) + content


@pytest.mark.parametrize(
    ("result", "syntax", "message"),
    [
        (0, b"1.2.840.10008.1.2.4.70", "in a transfer syntax that was not offered"),
        (0, b"1.2.840.10008.1.1", "in a transfer syntax that was not offered"),
        (0, b"Smith", "in a transfer syntax that was not offered"),
        (1, b"1.2.840.10008.1.2", r"- FIND \(rejected by its application\)"),
        (3, b"1.2.840.10008.1.2", "supports none of the requested services: Study Root .* - FIND$"),
        (4, b"1.2.840.10008.1.2", r"- FIND \(in none of the offered transfer syntaxes\)"),
    ],
)
def test_a_service_that_cannot_be_used_is_named(result: int, syntax: bytes, message: str) -> None:
    with peer(says(acceptance(result, syntax), is_held=True)) as port:
        assert re.search(message, failure(port))


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((), "it ended the connection without an answer (if it expects TLS, use dicoms://)"),
        ((b"\x02\0\0",), "it ended the connection within an answer"),
        ((b"\x02\0\0\0\x0f\xffab",), "it ended the connection"),
    ],
)
def test_a_connection_that_ends_is_reported(pieces: tuple[bytes, ...], message: str) -> None:
    with peer(says(*pieces)) as port:
        assert failure(port).endswith(f"after 4 attempts: {message}")


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((), "it did not answer within 0.3 s (--timeout allows more time)"),
        ((b"\x02\0\0\0\x0f\xffab",), "it (sent nothing for|did not answer within) 0.3 s"),
    ],
)
def test_silence_is_reported(pieces: tuple[bytes, ...], message: str) -> None:
    with peer(says(*pieces, is_held=True)) as port, pytest.raises(ServerError) as caught:
        connect(f"dicom://OTHER@127.0.0.1:{port}", timeout_s=0.3).series({})
    assert caught.match(message.replace("(--", r"\(--").replace("time)", r"time\)"))


def test_silence_during_a_query_is_reported() -> None:
    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        time.sleep(1.0)
        yield 0xFF00, Dataset()

    with entity([(evt.EVT_C_FIND, answer)]) as url:
        assert "it did not answer within 0.3 s" in failure(int(url.rpartition(":")[2]), timeout_s=0.3)


def test_what_is_not_dicom_within_a_query_is_reported() -> None:
    def answer(event: Any) -> Iterator[tuple[int, Dataset]]:
        event.assoc.dul.socket.socket.sendall(b"HTTP/1.1 500 Smith")
        yield 0xFF00, Dataset()

    with entity([(evt.EVT_C_FIND, answer)]) as url:
        assert "it sends something other than DICOM" in failure(int(url.rpartition(":")[2]))


def test_a_refused_connection_is_reported() -> None:
    assert failure(free_port()).endswith("after 4 attempts: it could not be reached: Connection refused")


def test_a_connection_without_an_answer_to_it_is_reported() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.settimeout(0.0)
            one.connect_ex(("127.0.0.1", port))
        found = failure(port, timeout_s=0.3)
        for one in held:
            one.close()
    assert found.endswith("it could not be reached: no connection within 0.3 s (--timeout allows more time)")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
class TestTls:
    """TLS where it is not expected, and the other way round."""

    def test_a_server_with_tls_without_dicoms(self, tmp_path: Path) -> None:
        context, _ = certified(tmp_path)
        with peer(says(), tls=context) as port:
            found = failure(port)
        assert "use dicoms://" in found

    def test_a_server_without_tls_with_dicoms(self) -> None:
        with entity([finds(1)]) as url:
            found = failure(int(url.rpartition(":")[2]), "dicoms")
        assert "it does not speak TLS at this port" in found or "it may not speak TLS at this port" in found

    def test_a_web_server_with_dicoms(self) -> None:
        class Web(Handler):
            def get(self) -> None:
                self.answer_json([])

        with dicomweb(Web) as url:
            assert "it does not speak TLS at this port" in failure(int(url.split(":")[2].split("/")[0]), "dicoms")

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (says(), "it ended the connection during the TLS handshake: it may not speak TLS"),
            (says(is_held=True), "it did not complete the TLS handshake within 0.3 s"),
        ],
    )
    def test_no_handshake(self, answer: Answer, message: str) -> None:
        with peer(answer) as port:
            assert message in failure(port, "dicoms", timeout_s=0.3)

    def test_an_untrusted_certificate(self, tmp_path: Path) -> None:
        context, _ = certified(tmp_path)
        with entity([finds(1)], tls=context) as url:
            found = failure(int(url.rpartition(":")[2]), "dicoms")
        assert "failed: its certificate is not trusted: self" in found
        assert found.endswith("(name one to trust with --authority)")


def test_the_command_reports_it_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with peer(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert main(["pacs", "list", f"dicom://OTHER@127.0.0.1:{port}", "--timeout", "2"]) == 6
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "a web server (HTTP) answers at this port, not a DICOM application entity" in err
