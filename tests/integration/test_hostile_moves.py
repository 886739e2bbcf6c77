"""Servers that are asked to send a series to our port (C-MOVE), and do something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from orthanc import free_port
from pydicom import FileDataset
from pynetdicom import evt
from pynetdicom.sop_class import MRImageStorage, SecondaryCaptureImageStorage  # type: ignore[attr-defined]
from servers import SERIES, STUDY, entity, finds, moves, report, sender

from medpaint.cli.main import main
from medpaint.core.errors import ServerError, UsageError
from medpaint.pacs import connect, dimse

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_waits")]

Send = Callable[[Any, int, list[FileDataset]], None]


@pytest.fixture
def fail(tmp_path: Path, images: list[FileDataset]) -> Callable[..., str]:
    """Return what tells why a transfer fails, and checks that nothing is left and the port is closed."""

    def run(send: Send, *, listed: int = 4, timeout_s: float = 1.0) -> str:
        port = free_port()
        with entity([finds(listed), moves(lambda event: send(event, port, images))]) as url:
            with pytest.raises(ServerError) as caught:
                connect(url, receive=port, timeout_s=timeout_s).fetch(STUDY, SERIES, tmp_path / "out" / "series")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=1.0)
        assert list((tmp_path / "out").iterdir()) == []
        return str(caught.value)

    return run


def sent(port: int, images: Sequence[FileDataset], **options: Any) -> None:
    with sender(port, **options) as association:
        for image in images:
            with suppress(RuntimeError):  # it was ended
                association.send_c_store(image)


def changed(keyword: str, value: str) -> Send:
    """Send the series with another value in one instance."""

    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        setattr(images[1], keyword, value)
        sent(port, images)
        report(event, completed=4)

    return send


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ("StudyInstanceUID", "each once, got one of another study"),
        ("SeriesInstanceUID", "each once, got one of another series"),
    ],
)
def test_other_instances_are_refused(fail: Callable[..., str], keyword: str, message: str) -> None:
    assert fail(changed(keyword, "1.2.99")).endswith(message)


def test_an_instance_that_is_sent_twice_is_refused(fail: Callable[..., str]) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        sent(port, [*images[:3], images[2]])
        report(event, completed=4)

    assert fail(send).endswith("each once, got one twice")


@pytest.mark.parametrize(("listed", "expected"), [(4, "4 instances"), (0, "an instance or more")])
def test_success_without_instances_is_an_error(fail: Callable[..., str], listed: int, expected: str) -> None:
    def send(event: Any, _port: int, _images: list[FileDataset]) -> None:
        report(event)

    assert f"expected {expected} of series 1.2.3.4, got 0" in fail(send, listed=listed)


def test_instances_after_the_last_answer_do_not_count(fail: Callable[..., str]) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        with sender(port) as association:
            report(event)
            time.sleep(0.3)
            for image in images:
                with suppress(RuntimeError):  # it was ended
                    association.send_c_store(image)

    assert fail(send).endswith("each once, got one after the transfer had ended")


@pytest.mark.parametrize(
    ("counts", "status", "message"),
    [
        ({"completed": 4}, 0, "it says that it sent 4 instances, 3 arrived"),
        ({"completed": 2, "warning": 2}, 0xB000, "it says that it sent 4 instances, 3 arrived"),
        ({"completed": 2}, 0, "it says that it sent 2 instances, 3 arrived"),
        ({}, 0xB000, "it says that it sent 0 instances, 3 arrived"),
        ({"completed": 3, "failed": 1}, 0xB000, "(status 0xb000), and could not send 1 instances"),
        ({"completed": 3, "failed": 1}, 0, "(status 0x0000), and could not send 1 instances"),
        ({"completed": 0, "failed": 4}, 0xC000, "(status 0xc000), and could not send 4 instances"),
        ({}, 0xA801, "(status 0xa801)"),
    ],
)
def test_counts_that_do_not_add_up_are_an_error(
    fail: Callable[..., str], counts: dict[str, int], status: int, message: str
) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        sent(port, images[:3])
        report(event, status, **counts)

    assert fail(send, listed=0).endswith(message)


def test_reports_without_an_end_end(fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "MOST_REPORTS", 50)

    def send(event: Any, _port: int, _images: list[FileDataset]) -> None:
        while event.assoc.is_established and event.assoc.dul.is_alive():
            report(event, 0xFF00, remaining=4)
            time.sleep(0.001)

    start = time.monotonic()
    assert fail(send).endswith("it reports progress without end")
    assert time.monotonic() - start < 5.0


def test_slow_reports_without_an_end_end(fail: Callable[..., str]) -> None:
    def send(event: Any, _port: int, _images: list[FileDataset]) -> None:
        while event.assoc.is_established and event.assoc.dul.is_alive():
            report(event, 0xFF00, remaining=4)
            time.sleep(0.1)

    start = time.monotonic()
    assert "it sends less than 10000 bytes per second" in fail(send, timeout_s=0.5)
    assert time.monotonic() - start < 10.0


def test_bytes_without_an_end_end(fail: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "MESSAGE_BYTES", 2**18)

    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        images[0].PixelData = b"\0" * 2**20
        sent(port, images)
        report(event, completed=4)

    assert fail(send, timeout_s=5.0).endswith("it sends more than 262144 bytes")


def test_a_long_pdu_to_our_port_is_refused(fail: Callable[..., str]) -> None:
    def send(event: Any, port: int, _images: list[FileDataset]) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
            connection.sendall(b"\x01\0\xff\xff\xff\xff")
            connection.recv(1)
        report(event)

    assert "it announces a PDU of 4294967295 bytes" in fail(send)


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ("SOPInstanceUID", "another SOPInstanceUID than its command names"),
        ("SOPClassUID", "another SOPClassUID than its command names"),
    ],
)
def test_a_data_set_that_is_not_what_its_command_says_is_refused(
    fail: Callable[..., str], keyword: str, message: str
) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        def swap(sending: Any) -> None:  # the command is ready, the data set follows
            if type(sending.message).__name__ == "C_STORE_RQ":
                setattr(sending.message.command_set, f"Affected{keyword}", other[keyword])

        other = {"SOPInstanceUID": "1.2.99", "SOPClassUID": MRImageStorage}
        with sender(port) as association:
            association.bind(evt.EVT_DIMSE_SENT, swap)
            association.send_c_store(images[0])
        report(event, completed=4)

    found = fail(send)
    assert message in found or "as another class than the association has agreed on" in found


def test_an_instance_for_another_request_is_refused(fail: Callable[..., str]) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        with sender(port) as association:
            association.send_c_store(images[0], originator_aet="ELSE", originator_id=event.request.MessageID)
        report(event, completed=4)

    assert "it sends an instance for another request than ours" in fail(send)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"title": "STRANGER"}, "an association with another title than OTHER"),
        (
            {"address": "127.0.0.2"},
            "which is not an address of 127.0.0.1 (--senders names further ones)",
        ),
        ({"kind": SecondaryCaptureImageStorage}, "Secondary Capture Image Storage"),
        ({"kind": "1.2.99.1"}, "an unknown kind of object"),
    ],
)
def test_other_senders_and_objects_are_refused_and_named(
    fail: Callable[..., str], options: dict[str, str], message: str
) -> None:
    def send(event: Any, port: int, images: list[FileDataset]) -> None:
        with sender(port, **options) as association:
            if association.is_established:
                with suppress(ValueError):  # no service was accepted
                    association.send_c_store(images[0])
        report(event, 0xB000, completed=0, failed=4)

    found = fail(send)
    assert "could not send 4 instances; refused at port" in found
    assert found.endswith(message)


@pytest.mark.parametrize("senders", [["127.0.0.2"], ["127.0.0.0/30"], ["127.9.0.0/16", "127.0.0.2"]])
def test_a_server_may_send_from_the_senders_that_are_named(
    tmp_path: Path, images: list[FileDataset], senders: list[str]
) -> None:
    port = free_port()

    def send(event: Any) -> None:
        for address in ("127.0.0.2", "127.0.0.1"):
            sent(port, images[:2] if address.endswith("1") else images[2:], address=address)
        report(event, completed=4)

    with entity([finds(4), moves(send)]) as url:
        assert connect(url, receive=port, senders=senders).fetch(STUDY, SERIES, tmp_path / "out") == 4


def test_a_server_may_send_from_no_other_than_the_senders_that_are_named(tmp_path: Path) -> None:
    port = free_port()

    def send(event: Any) -> None:
        with sender(port, address="127.0.0.3") as association:
            assert not association.is_established
        report(event, 0xB000, completed=0, failed=4)

    with (
        entity([finds(4), moves(send)]) as url,
        pytest.raises(ServerError, match=r"from 127\.0\.0\.3, which is not an address of .* or a sender"),
    ):
        connect(url, receive=port, senders=["127.0.0.2"]).fetch(STUDY, SERIES, tmp_path / "out")


def test_the_command_takes_senders(tmp_path: Path, images: list[FileDataset]) -> None:
    port = free_port()

    def send(event: Any) -> None:
        sent(port, images, address="127.0.0.2")
        report(event, completed=4)

    with entity([finds(4), moves(send)]) as url:
        words = ["pacs", "fetch", url, "--study", STUDY, "--series", SERIES, "--receive", str(port)]
        assert main([*words, "--senders", "127.0.0.2", "--output", str(tmp_path / "out")]) == 0


def test_an_unknown_sender_is_a_usage_error(tmp_path: Path) -> None:
    with entity([finds(4)]) as url, pytest.raises(UsageError, match=r"got an unknown host: nowhere\.invalid"):
        connect(url, receive=free_port(), senders=["nowhere.invalid"]).fetch(STUDY, SERIES, tmp_path / "out")


def test_a_stranger_does_not_disturb_a_transfer(tmp_path: Path, images: list[FileDataset]) -> None:
    port = free_port()

    def send(event: Any) -> None:
        stranger = ("127.0.0.2", 0)
        with socket.create_connection(("127.0.0.1", port), source_address=stranger) as connection:
            with suppress(OSError):
                connection.sendall(b"\x01\0\xff\xff\xff\xff" + b"\0" * 2**16)
            sent(port, images)
        report(event, completed=4)

    with entity([finds(4), moves(send)]) as url:
        assert connect(url, receive=port).fetch(STUDY, SERIES, tmp_path / "out") == 4


def test_two_senders_at_a_time_are_one_transfer(tmp_path: Path, images: list[FileDataset]) -> None:
    port = free_port()

    def send(event: Any) -> None:
        halves = [threading.Thread(target=partial(sent, port, half)) for half in (images[:2], images[2:])]
        for half in halves:
            half.start()
        for half in halves:
            half.join()
        report(event, completed=4)

    with entity([finds(4), moves(send)]) as url:
        assert connect(url, receive=port).fetch(STUDY, SERIES, tmp_path / "out") == 4


def test_the_command_ends_with_6_and_one_line(
    tmp_path: Path, images: list[FileDataset], capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    images[0].SeriesInstanceUID = "1.2.99"

    def send(event: Any) -> None:
        sent(port, images)
        report(event, completed=4)

    with entity([finds(4), moves(send)]) as url:
        words = ["pacs", "fetch", url, "--study", STUDY, "--series", SERIES, "--receive", str(port)]
        assert main([*words, "--timeout", "2", "--output", str(tmp_path / "out")]) == 6
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "got one of another series" in err
