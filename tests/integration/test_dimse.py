"""What only DIMSE servers do, with application entities of pynetdicom."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from dicom_phantom import Phantom
from orthanc import free_port
from pydicom import Dataset, FileDataset
from pynetdicom import evt
from servers import SERIES, STUDY, entity, finds, gives, moves, report, sender

from medpaint.cli.main import main
from medpaint.core.errors import MedpaintError, ServerError, UsageError
from medpaint.pacs import Credentials, connect

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_waits")]


def test_keys_are_sent_at_the_level_of_study_or_series() -> None:
    asked = []

    def answer(event: Any) -> Iterator[tuple[int, Dataset]]:
        asked.append({one.keyword: one.value for one in event.identifier if one.value})
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, SERIES
        yield 0xFF00, found

    with entity([(evt.EVT_C_FIND, answer)]) as url:
        (found,) = connect(url).series({"Modality": "MR", "PatientID": "P1"})
    assert asked == [
        {"QueryRetrieveLevel": "STUDY", "PatientID": "P1", "ModalitiesInStudy": "MR"},
        {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": STUDY, "Modality": "MR"},
    ]
    assert found.instances == 0


def test_an_incomplete_list_is_refused() -> None:
    def answer(_event: Any) -> Iterator[tuple[int, Dataset | None]]:
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, SERIES
        yield 0xFF00, found
        yield 0xFE00, None

    with entity([(evt.EVT_C_FIND, answer)]) as url, pytest.raises(ServerError, match="narrow the search"):
        connect(url).series({})


def test_an_answer_without_an_identifier_is_a_server_error() -> None:
    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID = STUDY
        yield 0xFF00, found

    with entity([(evt.EVT_C_FIND, answer)]) as url, pytest.raises(ServerError, match="lacks SeriesInstanceUID"):
        connect(url).series({"StudyInstanceUID": STUDY})


def test_storing_resumes_after_the_association_ends(tmp_path: Path, images: list[FileDataset]) -> None:
    seen: list[str] = []

    def take(event: Any) -> int:
        seen.append(event.request.AffectedSOPInstanceUID)
        if len(seen) == 2:
            event.assoc.abort()
        return 0x0000

    with entity([(evt.EVT_C_STORE, take)]) as url:
        assert connect(url, timeout_s=5.0).store(sorted((tmp_path / "scan").iterdir())) == 4
    assert set(seen) == {image.SOPInstanceUID for image in images}


def sends_to(port: int, images: Sequence[Dataset], pause_s: float) -> tuple[Any, Callable[..., Any]]:
    """Send images to a port on request (C-MOVE), and report nothing before the end."""

    def send(event: Any) -> None:
        with sender(port) as association:
            time.sleep(pause_s)
            for image in images:
                association.send_c_store(image)
                time.sleep(pause_s)
        report(event, completed=len(images))

    return moves(send)


def test_a_slow_move_is_waited_for_while_instances_arrive(tmp_path: Path, images: list[FileDataset]) -> None:
    port = free_port()
    with entity([finds(4), sends_to(port, images, 0.6)]) as url:
        assert connect(url, receive=port, timeout_s=1.5).fetch(STUDY, SERIES, tmp_path / "out") == 4


def test_a_move_without_instances_times_out(tmp_path: Path) -> None:
    port = free_port()
    with (
        entity([finds(4), sends_to(port, [], 3.0)]) as url,
        pytest.raises(ServerError, match="after 4 attempts: it did not answer within 1 s"),
    ):
        connect(url, receive=port, timeout_s=1.0).fetch(STUDY, SERIES, tmp_path / "out")


def test_only_the_server_can_send_and_only_during_the_transfer(tmp_path: Path, images: list[FileDataset]) -> None:
    port = free_port()
    established = []

    def send(event: Any) -> None:
        with sender(port, "STRANGER") as stranger:
            established.append(stranger.is_established)
        association = held.enter_context(sender(port))
        established.append(association.is_established)
        for image in images[:3]:
            association.send_c_store(image)
        report(event, completed=3)

    with ExitStack() as held, entity([finds(4), moves(send)]) as url:
        with pytest.raises(ServerError, match=r"got 3; refused at port .*: an association with another title"):
            connect(url, receive=port, timeout_s=5.0).fetch(STUDY, SERIES, tmp_path / "out" / "series")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0)
    assert established == [False, True] * 4
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_not_reported_as_a_server_error(
    tmp_path: Path, images: list[FileDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_words: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with (
        entity([finds(4), gives(images)]) as url,
        pytest.raises(MedpaintError, match=r"cannot write .*: No space left"),
    ):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")


def test_a_server_without_get_or_move_is_reported(tmp_path: Path) -> None:
    with entity([finds(4)]) as url:
        with pytest.raises(ServerError, match=r"does not offer C-GET: .*--receive"):
            connect(url).fetch(STUDY, SERIES, tmp_path / "out")
        with pytest.raises(ServerError, match=r"supports none of the requested services: Study Root .* - MOVE"):
            connect(url, receive=free_port()).fetch(STUDY, SERIES, tmp_path / "out")


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.socket() as taken, entity([finds(4)]) as url:
        taken.bind(("", 0))
        taken.listen()
        with pytest.raises(UsageError, match="expected a free port to receive at, cannot use"):
            connect(url, receive=taken.getsockname()[1]).fetch(STUDY, SERIES, tmp_path / "out")


def test_a_refused_instance_is_reported(tmp_path: Path, images: list[FileDataset]) -> None:
    files = sorted((tmp_path / "scan").iterdir())
    assert len(files) == len(images)
    with (
        entity([(evt.EVT_C_STORE, lambda _event: 0xC000)]) as url,
        pytest.raises(ServerError, match=r"refused the instance \(status 0xc000\)"),
    ):
        connect(url).store(files)


def test_storing_resumes_when_the_server_ran_out_of_resources(tmp_path: Path, images: list[FileDataset]) -> None:
    seen: list[str] = []

    def take(event: Any) -> int:
        seen.append(event.request.AffectedSOPInstanceUID)
        return 0xA700 if len(seen) == 3 else 0x0000

    with entity([(evt.EVT_C_STORE, take)]) as url:
        assert connect(url).store(sorted((tmp_path / "scan").iterdir())) == 4
    names = [image.SOPInstanceUID for image in images]
    assert seen == [*names[:3], names[2], names[3]]


def test_an_unsupported_class_is_named(tmp_path: Path) -> None:
    files = Phantom(modality="MR", dtype="uint16").write(tmp_path / "mr")
    with (
        entity([(evt.EVT_C_STORE, lambda _event: 0x0000)]) as url,
        pytest.raises(ServerError, match=r"supports none of the requested services: MR Image Storage$"),
    ):
        connect(url).store(files)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_user_and_password_are_sent_over_tls(tmp_path: Path) -> None:
    context, certificate = certified(tmp_path)
    users = []

    def check(event: Any) -> tuple[bool, None]:
        users.append((event.primary_field, event.secondary_field))
        return True, None

    with entity([finds(1), (evt.EVT_USER_ID, check)], tls=context) as url:
        given = Credentials("me", "hidden")
        assert len(connect(url, authority=certificate, credentials=given).series({})) == 1
        assert users == [(b"me", b"hidden")]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("dicom://pacs.example:104", "expected an address such as"),
        ("dicom://A@pacs.example:none", "expected an address such as"),
        ("dicom://A:secret@pacs.example", "expected an address such as"),
        ("dicom://A@pacs.example/path", "expected an address such as"),
        ("dicom://A@B:secret@pacs.example", "expected an address such as"),
        ("dicom://SEVENTEENLETTERSX@pacs.example", "expected an application entity title"),
    ],
)
def test_malformed_addresses_are_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


def test_unknown_host_is_reported() -> None:
    with pytest.raises(ServerError, match="after 4 attempts: it could not be reached"):
        connect("dicom://OTHER@nowhere.invalid").series({})


def test_an_unencrypted_move_is_refused_with_tls() -> None:
    with pytest.raises(UsageError, match="would not be encrypted"):
        connect("dicoms://OTHER@pacs.example", receive=104)


@pytest.mark.parametrize(
    ("senders", "message"),
    [
        (["300.1.1.1"], "got '300.1.1.1'"),
        (["10.0.0.1/8"], "got '10.0.0.1/8'"),
        (["0.0.0.0/0"], "a network of /8 or smaller"),
        (["::1"], "an IPv4 address or a network"),
        (["pacs.example:104"], "expected a host"),
        (["a b\n"], "expected a host"),
        ([""], "expected a host"),
    ],
)
def test_malformed_senders_are_refused(senders: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect("dicom://OTHER@pacs.example", receive=104, senders=senders)


def test_senders_without_a_port_are_refused() -> None:
    with pytest.raises(UsageError, match="only with a port to receive at"):
        connect("dicom://OTHER@pacs.example", senders=["127.0.0.2"])


def test_a_token_is_refused() -> None:
    with pytest.raises(UsageError, match="got a token") as caught:
        connect("dicom://OTHER@pacs.example", credentials=Credentials("", "", "hidden"))
    assert "hidden" not in str(caught.value)


def test_invalid_values_of_a_keyword_are_refused() -> None:
    with pytest.raises(UsageError, match="expected valid values for SeriesNumber"):
        connect("dicom://A@pacs.example").series({"SeriesNumber": "words"})


def test_a_password_is_not_sent_unencrypted() -> None:
    with pytest.raises(UsageError, match="expected dicoms:// with a password") as caught:
        connect("dicom://A@pacs.example", credentials=Credentials("me", "hidden"))
    assert "hidden" not in str(caught.value)


def test_options_of_application_entities_are_refused_for_dicomweb() -> None:
    with pytest.raises(UsageError, match="expected dicom:// or dicoms:// with calling or receive"):
        connect("https://pacs.example", receive=104)


def test_the_command_line_never_prints_patient_names(
    tmp_path: Path, images: list[FileDataset], capfd: pytest.CaptureFixture[str]
) -> None:
    for image in images:
        image.PatientName = "QZXJ^Secret"
    with entity([finds(4), gives(images)]) as url:
        code = main(
            ["pacs", "fetch", url, "--study", STUDY, "--series", SERIES, "--output", str(tmp_path / "out")]
        )
    out, err = capfd.readouterr()
    assert (code, out) == (0, f"{tmp_path / 'out' / SERIES}\n")
    assert "QZXJ" not in err
