"""Application entities that are away, silent, refuse, break off or send something else (pynetdicom's)."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from dicom_phantom import Phantom
from orthanc import free_port
from pydicom import Dataset, FileDataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from medpaint.core.errors import AbsentError, InputError, MedpaintError, ServerError, UsageError
from medpaint.pacs import Credentials, connect, retry

pytestmark = pytest.mark.slow

STUDY, SERIES = "1.2.3", "1.2.3.4"
Handlers = Sequence[tuple[Any, Callable[..., Any]]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def images(tmp_path: Path) -> list[FileDataset]:
    return [dcmread(file) for file in Phantom(series=SERIES).write(tmp_path / "scan")]


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


def finds(count: int, series: str = SERIES) -> tuple[Any, Callable[..., Any]]:
    """Answer every question with one series of `count` instances."""

    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID, found.Modality = STUDY, series, "CT"
        found.NumberOfSeriesRelatedInstances = count
        yield 0xFF00, found

    return evt.EVT_C_FIND, answer


def gives(images: Sequence[Dataset]) -> tuple[Any, Callable[..., Any]]:
    """Send images where a series is asked for."""

    def answer(_event: Any) -> Iterator[Any]:
        yield len(images)
        for image in images:
            yield 0xFF00, image

    return evt.EVT_C_GET, answer


def test_a_series_is_listed_and_fetched(tmp_path: Path, images: list[FileDataset]) -> None:
    with entity([finds(len(images)), gives(images)]) as url:
        server = connect(url)
        assert [vars(one) for one in server.series({"Modality": "CT", "StudyDate": "2020-"})] == [
            {"study": STUDY, "series": SERIES, "modality": "CT", "instances": 4}
        ]
        told: list[float] = []
        assert server.fetch(STUDY, SERIES, tmp_path / "out", lambda _what, share: told.append(share)) == 4
    fetched = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in fetched] == ["0001.dcm", "0002.dcm", "0003.dcm", "0004.dcm"]
    assert [dcmread(file) for file in fetched] == images
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_studies_and_series_are_asked_for_by_their_own_keys() -> None:
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


def test_a_list_that_is_cut_is_not_taken_for_the_whole() -> None:
    def answer(_event: Any) -> Iterator[tuple[int, Dataset | None]]:
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, SERIES
        yield 0xFF00, found
        yield 0xFE00, None

    with entity([(evt.EVT_C_FIND, answer)]) as url, pytest.raises(ServerError, match="ask for less"):
        connect(url).series({})


def test_a_transfer_that_breaks_off_leaves_nothing_behind(tmp_path: Path, images: list[FileDataset]) -> None:
    asked = []

    def answer(event: Any) -> Iterator[Any]:
        asked.append(event)
        yield 4
        yield 0xFF00, images[0]
        event.assoc.abort()

    out = tmp_path / "out"
    with entity([finds(4), (evt.EVT_C_GET, answer)]) as url, pytest.raises(ServerError, match="after 4 attempts"):
        connect(url, timeout_s=5.0).fetch(STUDY, SERIES, out / "series")
    assert len(asked) == 4
    assert list(out.iterdir()) == []


def test_fewer_instances_than_there_are_is_no_series(tmp_path: Path, images: list[FileDataset]) -> None:
    with (
        entity([finds(5), gives(images)]) as url,
        pytest.raises(ServerError, match=r"expected 5 instances .*, got 4"),
    ):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_server_that_answers_with_another_series_does_not_have_it(
    tmp_path: Path, images: list[FileDataset]
) -> None:
    with entity([finds(4, "1.2.99"), gives(images)]) as url, pytest.raises(AbsentError, match="found none"):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")


@pytest.mark.parametrize(("count", "order"), [(4, [0, 1, 2, 2]), (3, [0, 1, 2, 3])])
def test_each_instance_is_taken_once_and_no_more_than_there_are(
    tmp_path: Path, images: list[FileDataset], count: int, order: list[int]
) -> None:
    sent = [images[number] for number in order]
    with (
        entity([finds(count), gives(sent)]) as url,
        pytest.raises(ServerError, match=r"each once, got (one|more)"),
    ):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_answer_without_its_identifier_is_the_fault_of_the_server() -> None:
    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID = STUDY
        yield 0xFF00, found

    with entity([(evt.EVT_C_FIND, answer)]) as url, pytest.raises(ServerError, match="lacks SeriesInstanceUID"):
        connect(url).series({"StudyInstanceUID": STUDY})


def test_storing_goes_on_after_the_association_ended(tmp_path: Path, images: list[FileDataset]) -> None:
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
    """Send images to a port where that is asked for, and say nothing before the end."""

    def answer(_event: Any) -> Iterator[Any]:
        with sender(port) as association:
            time.sleep(pause_s)
            for image in images:
                association.send_c_store(image)
                time.sleep(pause_s)
        yield "127.0.0.1", port
        yield 0

    return evt.EVT_C_MOVE, answer


@contextmanager
def sender(port: int, title: str = "OTHER") -> Iterator[Any]:
    ours = AE(ae_title=title)
    ours.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ours.associate("127.0.0.1", port, ae_title="MEDPAINT")
    yield association
    if association.is_established:
        association.release()


def test_a_server_that_sends_elsewhere_is_waited_for_as_long_as_something_comes(
    tmp_path: Path, images: list[FileDataset]
) -> None:
    port = free_port()
    with entity([finds(4), sends_to(port, images, 0.6)]) as url:
        assert connect(url, receive=port, timeout_s=1.5).fetch(STUDY, SERIES, tmp_path / "out") == 4


def test_a_server_that_sends_nothing_elsewhere_is_given_up(tmp_path: Path) -> None:
    port = free_port()
    with (
        entity([finds(4), sends_to(port, [], 3.0)]) as url,
        pytest.raises(ServerError, match="after 4 attempts: it ended the association, or did not answer in time"),
    ):
        connect(url, receive=port, timeout_s=1.0).fetch(STUDY, SERIES, tmp_path / "out")


def test_others_cannot_send_to_the_port_and_none_can_when_it_is_over(
    tmp_path: Path, images: list[FileDataset]
) -> None:
    port = free_port()
    established = []

    def answer(_event: Any) -> Iterator[Any]:
        with sender(port, "STRANGER") as stranger:
            established.append(stranger.is_established)
        association = held.enter_context(sender(port))
        established.append(association.is_established)
        for image in images[:3]:
            association.send_c_store(image)
        yield "127.0.0.1", port
        yield 0

    with ExitStack() as held, entity([finds(4), (evt.EVT_C_MOVE, answer)]) as url:
        with pytest.raises(ServerError, match="got 3"):
            connect(url, receive=port, timeout_s=5.0).fetch(STUDY, SERIES, tmp_path / "out" / "series")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0)
    assert established == [False, True] * 4
    assert list((tmp_path / "out").iterdir()) == []


def test_instances_of_another_series_are_refused(tmp_path: Path, images: list[FileDataset]) -> None:
    images[2].SeriesInstanceUID = "1.2.99"
    with entity([finds(4), gives(images)]) as url, pytest.raises(ServerError, match="got others"):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_is_no_fault_of_the_server(
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


def test_an_entity_without_the_way_to_fetch_is_said_so(tmp_path: Path) -> None:
    with entity([finds(4)]) as url:
        with pytest.raises(ServerError, match=r"does not offer C-GET: .*--receive"):
            connect(url).fetch(STUDY, SERIES, tmp_path / "out")
        with pytest.raises(ServerError, match=r"takes none of what is asked of it: Study Root .* - MOVE"):
            connect(url, receive=free_port()).fetch(STUDY, SERIES, tmp_path / "out")


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken, entity([finds(4)]) as url:
        taken.bind(("", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot have it"):
            connect(url, receive=taken.getsockname()[1]).fetch(STUDY, SERIES, tmp_path / "out")


def test_an_instance_that_is_refused_is_said_so(tmp_path: Path, images: list[FileDataset]) -> None:
    files = sorted((tmp_path / "scan").iterdir())
    assert len(files) == len(images)
    with (
        entity([(evt.EVT_C_STORE, lambda _event: 0xC000)]) as url,
        pytest.raises(ServerError, match=r"refused the instance \(status 0xc000\)"),
    ):
        connect(url).store(files)


def test_storing_goes_on_where_it_was_when_there_is_room_again(tmp_path: Path, images: list[FileDataset]) -> None:
    seen: list[str] = []

    def take(event: Any) -> int:
        seen.append(event.request.AffectedSOPInstanceUID)
        return 0xA700 if len(seen) == 3 else 0x0000

    with entity([(evt.EVT_C_STORE, take)]) as url:
        assert connect(url).store(sorted((tmp_path / "scan").iterdir())) == 4
    names = [image.SOPInstanceUID for image in images]
    assert seen == [*names[:3], names[2], names[3]]


def test_what_an_entity_does_not_take_is_named(tmp_path: Path) -> None:
    files = Phantom(modality="MR", dtype="uint16").write(tmp_path / "mr")
    with (
        entity([(evt.EVT_C_STORE, lambda _event: 0x0000)]) as url,
        pytest.raises(ServerError, match=r"takes none of what is asked of it: MR Image Storage$"),
    ):
        connect(url).store(files)


def test_another_title_is_rejected_at_once() -> None:
    with entity([finds(1)]) as url, pytest.raises(ServerError, match=r"rejects .* MEDPAINT with WRONG") as caught:
        connect(url.replace("OTHER", "WRONG")).series({})
    assert "attempts" not in str(caught.value)


def test_an_entity_that_is_away_is_tried_again_and_then_given_up() -> None:
    with pytest.raises(ServerError, match="after 4 attempts: it was not reached"):
        connect(f"dicom://OTHER@127.0.0.1:{free_port()}").series({})


def test_an_entity_that_says_nothing_is_given_up_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ServerError, match="after 4 attempts"):
            connect(f"dicom://OTHER@127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2).series({})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certificates_are_checked_and_the_user_is_named_over_tls(tmp_path: Path) -> None:
    context, certificate = certified(tmp_path)
    users = []

    def check(event: Any) -> tuple[bool, None]:
        users.append((event.primary_field, event.secondary_field))
        return True, None

    with entity([finds(1), (evt.EVT_USER_ID, check)], tls=context) as url:
        given = Credentials("me", "hidden")
        assert len(connect(url, authority=certificate, credentials=given).series({})) == 1
        assert users == [(b"me", b"hidden")]
        with pytest.raises(ServerError, match="its certificate is not trusted"):
            connect(url).series({})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("dicom://pacs.example:104", "expected an address such as"),
        ("dicom://A@pacs.example:none", "expected an address such as"),
        ("dicom://A:secret@pacs.example", "expected an address such as"),
        ("dicom://A@pacs.example/path", "expected an address such as"),
        ("dicom://A@B:secret@pacs.example", "expected an address such as"),
        ("dicom://SEVENTEENLETTERSX@pacs.example", "expected the title"),
    ],
)
def test_what_is_no_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


def test_a_name_that_is_not_known_is_said_so() -> None:
    with pytest.raises(ServerError, match="after 4 attempts: it was not reached"):
        connect("dicom://OTHER@nowhere.invalid").series({})


def test_what_would_come_in_the_clear_is_not_asked_for_over_tls() -> None:
    with pytest.raises(UsageError, match="would not be encrypted"):
        connect("dicoms://OTHER@pacs.example", receive=104)


def test_a_token_is_for_web_services() -> None:
    with pytest.raises(UsageError, match="got a token") as caught:
        connect("dicom://OTHER@pacs.example", credentials=Credentials("", "", "hidden"))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["dicoms://OTHER@pacs.example", "https://pacs.example"])
def test_certificates_that_are_none_are_refused(tmp_path: Path, url: str) -> None:
    (tmp_path / "words.pem").write_text("words")
    for name in ("absent.pem", "words.pem"):
        with pytest.raises(UsageError, match=rf"{name}: expected certificates"):
            connect(url, authority=tmp_path / name)


def test_values_that_a_key_cannot_have_are_refused() -> None:
    with pytest.raises(UsageError, match="expected values that SeriesNumber can have"):
        connect("dicom://A@pacs.example").series({"SeriesNumber": "words"})


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(UsageError, match="expected dicoms:// with a password") as caught:
        connect("dicom://A@pacs.example", credentials=Credentials("me", "hidden"))
    assert "hidden" not in str(caught.value)


def test_options_of_application_entities_are_not_for_others() -> None:
    with pytest.raises(UsageError, match="calling and receive are for dicom://"):
        connect("https://pacs.example", receive=104)


def test_words_that_are_no_keywords_are_refused() -> None:
    with pytest.raises(UsageError, match="expected keywords of DICOM to look for, such as Modality, got Modalty"):
        connect("dicom://A@pacs.example").series({"Modalty": "MR"})


def test_what_is_no_dicom_file_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "words.dcm").write_bytes(b"words")
    with pytest.raises(InputError, match="expected a DICOM file to store"):
        connect("dicom://A@pacs.example").store([tmp_path / "words.dcm"])


def test_the_command_line_says_what_patients_are_called_nowhere(tmp_path: Path, images: list[FileDataset]) -> None:
    for image in images:
        image.PatientName = "QZXJ^Secret"
    with entity([finds(4), gives(images)]) as url:
        words = [sys.executable, "-m", "medpaint", "pacs", "fetch", url, "--study", STUDY, "--series", SERIES]
        done = subprocess.run([*words, "--output", tmp_path / "out"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out' / SERIES}\n"
    assert "QZXJ" not in done.stderr
