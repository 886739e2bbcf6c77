"""Servers that answer wrongly, too much, or never to the end; or that send us elsewhere."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from dicom_phantom import Phantom
from pydicom import Dataset, FileDataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pynetdicom import evt
from servers import PARTS, SERIES, STUDY, Handler, bytes_of, dicomweb, entity, finds, gives, part_of, row_of

from medpaint.cli.main import main
from medpaint.core.errors import ServerError
from medpaint.pacs import Credentials, Server, connect, dimse, retry, web

SECRET = Credentials("me", "hidden")

Answering = Callable[[Handler], None]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MEDPAINT_PACS_{name}", raising=False)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return the four files of a series."""
    return Phantom(series=SERIES).write(tmp_path / "scan")


@pytest.fixture
def images(files: Sequence[Path]) -> list[FileDataset]:
    return [dcmread(file) for file in files]


@contextmanager
def serving(
    get: Answering | None = None, post: Callable[[Handler, bytes], None] | None = None, **options: Any
) -> Iterator[tuple[Server, list[str]]]:
    """Yield a DICOMweb server, and what it was asked for."""
    asked: list[str] = []

    class Answers(Handler):
        def get(self) -> None:
            asked.append(f"GET {self.path}")
            assert get is not None
            get(self)

        def post(self, content: bytes) -> None:
            asked.append(f"POST {self.path} {len(content)}")
            assert post is not None
            post(self, content)

    with dicomweb(Answers) as url:
        yield connect(url, **{"timeout_s": 5.0, **options}), asked


def receipt(stored: Sequence[object], failed: Sequence[tuple[object, int]] = ()) -> bytes:
    """Return what a server answers to a request to store."""
    named = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in stored]
    refused = [
        {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
        for uid, reason in failed
    ]
    answer = {"00081199": {"vr": "SQ", "Value": named}, "00081198": {"vr": "SQ", "Value": refused}}
    return json.dumps(answer).encode()


def answered(content: bytes, kind: str = "application/dicom+json", status: int = 200) -> Any:
    """Return a handler that gives an answer to everything."""
    return lambda handler, *_: handler.answer(content, kind, status=status)


def test_instances_that_the_server_names_are_stored(files: list[Path], images: list[FileDataset]) -> None:
    received: list[bytes] = []

    def post(handler: Handler, content: bytes) -> None:
        received.append(content)
        handler.answer(receipt([image.SOPInstanceUID for image in images]), "application/dicom+json")

    with serving(post=post) as (server, _):
        assert server.store([*files, files[0]]) == 4
    assert all(file.read_bytes() in received[0] for file in files)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"<html>Please log in, Doctor Smith</html>", "text/html", "got an answer of another kind"),
        (b"", "application/dicom+json", "got an empty answer"),
        (b"[]", "application/dicom+json", "got an answer of another kind"),
        (b'"stored"', "application/dicom+json", "got an answer of another kind"),
        (b"{}", "application/dicom+json", "stored 0 of 4 instances, and did not confirm that it stored 4"),
        (receipt(["1.2.99", None, {}]), "application/dicom+json", "did not confirm that it stored 4"),
        (b'{"00081199": {"Value": 7}}', "application/dicom+json", "did not confirm that it stored 4"),
        (b'{"00081199": {"Value": [', "application/dicom+json", "after 4 attempts: the transfer broke off"),
    ],
)
def test_an_answer_that_confirms_nothing_is_a_failure(
    files: list[Path], content: bytes, kind: str, message: str
) -> None:
    with serving(post=answered(content, kind)) as (server, _), pytest.raises(ServerError, match=message) as caught:
        server.store(files)
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 202, 409])
def test_refused_and_unconfirmed_instances_are_counted(
    files: list[Path], images: list[FileDataset], status: int
) -> None:
    one, two, three, _ = (image.SOPInstanceUID for image in images)
    content = receipt([one, two], [(three, 0xC000), ("1.2.99", 0xA700)])
    message = r"stored 2 of 4 instances, refused 1 \(reason 0xc000\), and did not confirm that it stored 1"
    with serving(post=answered(content, status=status)) as (server, asked):
        with pytest.raises(ServerError, match=message):
            server.store(files)
        assert len(asked) == 1


def test_instances_refused_for_lack_of_room_are_sent_again(files: list[Path], images: list[FileDataset]) -> None:
    uids = [image.SOPInstanceUID for image in images]
    answers = iter([receipt(uids[:3], [(uids[3], 0xA700)]), receipt(uids)])
    with serving(post=lambda handler, _: handler.answer(next(answers), "application/json")) as (server, asked):
        assert server.store(files) == 4
    assert len(asked) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("what", ["list", "fetch", "store"])
def test_no_redirect_reaches_another_server(tmp_path: Path, files: list[Path], what: str, status: int) -> None:
    with serving(get=answered(b"[]"), post=answered(b"{}")) as (other, stolen):
        there = other.url  # type: ignore[attr-defined]

        def redirect(handler: Handler, *_: object) -> None:
            if what == "fetch" and "/studies/" not in handler.path:
                handler.answer_json([row_of()])
            else:
                handler.redirect(there + "/studies?PatientName=Smith", status)

        with serving(redirect, redirect, credentials=SECRET) as (server, _):
            calls: dict[str, Callable[[], object]] = {
                "list": lambda: server.series({"PatientID": "7"}),
                "fetch": lambda: server.fetch(STUDY, SERIES, tmp_path / "out"),
                "store": lambda: server.store(files),
            }
            with pytest.raises(ServerError, match=there.removesuffix("/dicom-web")) as caught:
                calls[what]()
    assert stolen == []
    assert "Smith" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_redirects_within_the_server_are_followed(files: list[Path], images: list[FileDataset]) -> None:
    def get(handler: Handler) -> None:
        if "/there" in handler.path:
            handler.answer_json([row_of()])
        else:
            handler.redirect("/there/series", 302)

    def post(handler: Handler, content: bytes) -> None:
        if "/there" in handler.path and files[0].read_bytes() in content:
            handler.answer(receipt([image.SOPInstanceUID for image in images]), "application/json")
        else:
            handler.redirect("/there/studies", 307)

    with serving(get, post) as (server, _):
        assert len(server.series({"SeriesInstanceUID": SERIES})) == 1
        assert server.store(files) == 4


def test_a_redirect_that_would_not_store_is_refused(files: list[Path]) -> None:
    with serving(post=lambda handler, _: handler.redirect("/login", 302)) as (server, asked):
        with pytest.raises(ServerError, match="redirects the request instead of storing"):
            server.store(files)
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://[::", "to an invalid address"),
        ("http://evil.example\\@{own}/", "to an invalid address"),
        ("http://{own}@evil.example/", "another server, http://evil.example:80"),
        ("//evil.example/\x1b[31m", "another server, http://evil.example:80"),
        ("file:///etc/passwd", "another server, file://"),
    ],
)
def test_a_redirect_to_an_odd_address_is_refused(address: str, message: str) -> None:
    def get(handler: Handler) -> None:
        handler.redirect(address.format(own=handler.headers["Host"]), 302)

    with serving(get) as (server, asked), pytest.raises(ServerError, match=message) as caught:
        server.series({})
    assert len(asked) == 1
    assert str(caught.value).isprintable()


def test_endless_redirects_end() -> None:
    with (
        serving(lambda handler: handler.redirect(handler.path, 302)) as (server, asked),
        pytest.raises(ServerError, match="again and again"),
    ):
        server.series({})
    assert len(asked) == 6


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_https_never_becomes_http(tmp_path: Path) -> None:
    context, certificate = certified(tmp_path)
    with serving(get=answered(b"[]")) as (plain, stolen):
        there: str = plain.url  # type: ignore[attr-defined]

        class Downgrades(Handler):
            def get(self) -> None:
                self.redirect(there, 307)

        with (
            dicomweb(Downgrades, tls=context) as url,
            pytest.raises(ServerError, match="to another server, http://"),
        ):
            connect(url, authority=certificate, credentials=SECRET).series({})
    assert stolen == []


def test_credentials_of_netrc_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[str | None] = []

    def get(handler: Handler) -> None:
        seen.append(handler.headers["Authorization"])
        handler.answer_json([])

    with serving(get) as (server, _):
        server.series({})
    with serving(get, credentials=Credentials(token="word")) as (server, _):  # noqa: S106 - of the test
        server.series({})
    assert seen == [None, "Bearer word"]


def in_parts(*parts: bytes, end: bytes = b"--part--\r\n") -> Answering:
    """List a series, and send parts when it is asked for."""

    def get(handler: Handler) -> None:
        if "/studies/" not in handler.path:
            handler.answer_json([row_of(count=1)])
        else:
            handler.answer(b"".join(map(part_of, parts)) + end, PARTS)

    return get


def lacking(images: Sequence[FileDataset], keyword: str) -> bytes:
    """Return an instance that lacks an attribute."""
    del images[0][keyword]
    return bytes_of(images[0])


def of_another_study(images: Sequence[FileDataset]) -> bytes:
    """Return an instance of another study."""
    images[0].StudyInstanceUID = "1.2.99"
    return bytes_of(images[0])


@pytest.mark.parametrize(
    ("spoil", "message", "attempts"),
    [
        (lambda _: b"<html>Smith</html>", "expected DICOM instances, got something else", 1),
        (lambda _: b"", "expected DICOM instances, got something else", 1),
        (lambda _: b"\0" * 128 + b"DICM" + b"Smith" * 100, "cannot be parsed|lacks|truncated", None),
        (lambda images: bytes_of(images[0])[:-100], "it sent a truncated instance", 4),
        (lambda images: bytes_of(images[0])[:-10], "it sent a truncated instance", 4),
        (lambda images: lacking(images, "PixelData"), "it sent a truncated instance", 4),
        (lambda images: bytes_of(images[0])[:600], "truncated instance|lacks", None),
        (lambda images: lacking(images, "SOPInstanceUID"), "its answer lacks SOPInstanceUID", 1),
        (lambda images: lacking(images, "SeriesInstanceUID"), "its answer lacks SeriesInstanceUID", 1),
        (of_another_study, "got one of another study", 1),
    ],
)
def test_a_wrong_instance_is_a_server_error_and_leaves_nothing(
    tmp_path: Path,
    images: list[FileDataset],
    spoil: Callable[[list[FileDataset]], bytes],
    message: str,
    attempts: int | None,
) -> None:
    with serving(in_parts(spoil(images))) as (server, asked), pytest.raises(ServerError, match=message) as caught:
        server.fetch(STUDY, SERIES, tmp_path / "out" / "series")
    assert attempts in {None, len(asked) - 1}
    assert list((tmp_path / "out").iterdir()) == []
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("get", "message"),
    [
        (lambda images: in_parts(bytes_of(images[0]), end=b""), "after 4 attempts: the transfer broke off"),
        (lambda _: in_parts(end=b"--part\r\n" + b"x" * 70_000), "without an end of its header"),
    ],
)
def test_a_multipart_answer_without_an_end_is_a_server_error(
    tmp_path: Path, images: list[FileDataset], get: Callable[[list[FileDataset]], Answering], message: str
) -> None:
    with serving(get(images)) as (server, _), pytest.raises(ServerError, match=message):
        server.fetch(STUDY, SERIES, tmp_path / "out")


def test_an_answer_that_is_not_multipart_is_a_server_error(tmp_path: Path) -> None:
    def get(handler: Handler) -> None:
        if "/studies/" in handler.path:
            handler.answer(b"<html></html>", "text/html")
        else:
            handler.answer_json([row_of()])

    with serving(get) as (server, asked), pytest.raises(ServerError, match="expected instances in a multipart"):
        server.fetch(STUDY, SERIES, tmp_path / "out")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Smith</html>", "expected a DICOMweb service at this address"),
        (b"", "got an empty answer"),
        (b"[" * 100_000, "expected a DICOMweb service"),
        (b'[{"0020000D":', "the transfer broke off, or its answer is damaged"),
        (b"7", "expected a DICOMweb service"),
        (b"[[]]", "expected a DICOMweb service"),
        (b"[" + b"9" * 5000 + b"]", "damaged"),
        (b"[{}]", "lacks StudyInstanceUID"),
        (json.dumps([row_of(None)]).encode(), "lacks SeriesInstanceUID"),
        (
            json.dumps([row_of("1.2\t1.3\nscan-smith")]).encode(),
            "expected a DICOM identifier as SeriesInstanceUID",
        ),
        (json.dumps([row_of("1.2\x1b[31m")]).encode(), "expected a DICOM identifier as SeriesInstanceUID"),
        (json.dumps([row_of("1" * 65)]).encode(), "expected a DICOM identifier as SeriesInstanceUID"),
        (json.dumps([row_of(study="Smith^John")]).encode(), "expected a DICOM identifier as StudyInstanceUID"),
        (json.dumps([row_of(study={"a": 1})]).encode(), "expected a DICOM identifier as StudyInstanceUID"),
        (json.dumps([row_of(count=-1)]).encode(), "expected a count"),
        (json.dumps([row_of(count="many")]).encode(), "expected a count"),
        (json.dumps([row_of(count=True)]).encode(), "expected a count"),
        (json.dumps([row_of(count=2.5)]).encode(), "expected a count"),
        (json.dumps([row_of(count=[1])]).encode(), "expected a count"),
    ],
)
def test_a_wrong_list_is_a_server_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "key").chmod(0o600)
    with serving(answered(content)) as (server, _):
        url = server.url  # type: ignore[attr-defined]
        assert main(["pacs", "list", url, "--key", str(tmp_path / "key")]) == 6
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
    assert "smith" not in err.lower()


@pytest.mark.parametrize("modality", ["SMITH JOHN", "CT\nnext", "\x1b[2J", 7, {"Alphabetic": "Smith"}, "MR\u202e"])
def test_a_modality_that_could_be_a_name_is_withheld(modality: object) -> None:
    with serving(answered(json.dumps([row_of(modality=modality)]).encode())) as (server, _):
        assert [one.modality for one in server.series({"SeriesInstanceUID": SERIES})] == ["withheld"]


@pytest.mark.parametrize("modality", ["CT", "MR ", "PT", "SEG", "RTSTRUCT", "IVOCT", "OT", "CF"])
def test_a_modality_of_dicom_is_shown(modality: str) -> None:
    with serving(answered(json.dumps([row_of(modality=modality)]).encode())) as (server, _):
        assert [one.modality for one in server.series({"SeriesInstanceUID": SERIES})] == [modality.strip()]


def test_an_endless_list_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "ANSWER_BYTES", 2**20)
    with (
        serving(lambda handler: handler.pour("application/json", b" " * 2**16)) as (server, asked),
        pytest.raises(ServerError, match="it sends more than 1048576 bytes"),
    ):
        server.series({})
    assert len(asked) == 1


def test_ever_new_pages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_PAGES", 20)
    number = iter(range(10_000))
    with (
        serving(lambda handler: handler.answer_json([row_of(f"1.2.{next(number)}")])) as (server, asked),
        pytest.raises(ServerError, match="its list does not end: 20 series so far; narrow the search"),
    ):
        server.series({})
    assert len(asked) == 20


@pytest.mark.parametrize("limit", ["INSTANCE_BYTES", "SERIES_BYTES"])
def test_an_endless_instance_ends_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[FileDataset], limit: str
) -> None:
    monkeypatch.setattr(web, limit, 2**20)

    def get(handler: Handler) -> None:
        if "/studies/" not in handler.path:
            handler.answer_json([row_of()])
        else:
            handler.pour(PARTS, part_of(bytes_of(images[0])[:1000]).removesuffix(b"\r\n") + b"\0" * 2**16)

    with serving(get) as (server, _), pytest.raises(ServerError, match=r"of more than|sends more than"):
        server.fetch(STUDY, SERIES, tmp_path / "out" / "series")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("part", ["header", "body", "trailer"])
def test_a_trickle_over_http_ends(part: str) -> None:
    def get(handler: Handler) -> None:
        if part == "body":
            handler.pour("application/json", b" ", 0.05)
        elif part == "trailer":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n")
            handler.trickle(b"X: y\r\n", 0.01)
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            handler.trickle(b"x", 0.05)

    start = time.monotonic()
    with (
        serving(get, timeout_s=0.2) as (server, _),
        pytest.raises(ServerError, match=r"bytes per second|in time"),
    ):
        server.series({})
    assert time.monotonic() - start < 5.0


def test_a_trickle_over_dimse_ends() -> None:
    def answer(event: Any) -> Iterator[tuple[int, None]]:
        connection = event.assoc.dul.socket.socket
        try:
            connection.sendall(b"\x04\0\0\0\xff\xff")  # the head of a PDU of 65,535 bytes
            while True:
                connection.sendall(b"\0")
                time.sleep(0.05)
        except OSError:
            yield 0, None

    start = time.monotonic()
    with (
        entity([(evt.EVT_C_FIND, answer)]) as url,
        pytest.raises(ServerError, match=r"bytes per second|in time"),
    ):
        connect(url, timeout_s=0.3).series({"StudyInstanceUID": STUDY})
    assert time.monotonic() - start < 20.0


def test_endless_matches_over_dimse_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "MOST_SERIES", 20)

    def answer(event: Any) -> Iterator[tuple[int, Dataset]]:
        for number in range(10_000):
            if not event.assoc.is_established:
                return
            found = Dataset()
            found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, f"1.2.{number}"
            yield 0xFF00, found

    with entity([(evt.EVT_C_FIND, answer)]) as url, pytest.raises(ServerError, match="list does not end"):
        connect(url).series({"StudyInstanceUID": STUDY})


def test_a_large_instance_over_dimse_ends_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[FileDataset]
) -> None:
    monkeypatch.setattr(dimse, "MESSAGE_BYTES", 2**18)
    images[1].PixelData = b"\0" * 2**20
    with entity([finds(4), gives(images)]) as url, pytest.raises(ServerError, match="it sends more than"):
        connect(url, timeout_s=5.0).fetch(STUDY, SERIES, tmp_path / "out" / "series")
    assert list((tmp_path / "out").iterdir()) == []


def spoilt(tag: int, kind: str, value: bytes) -> Callable[[Any], Iterator[tuple[int, Dataset]]]:
    """Answer a query by a series with an attribute of any bytes."""

    def answer(_event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, SERIES
        found[tag] = RawDataElement(Tag(tag), kind, len(value), value, 0, True, True)  # noqa: FBT003 - of pydicom
        yield 0xFF00, found

    return answer


@pytest.mark.parametrize(
    ("tag", "kind", "value", "message"),
    [
        (0x0020000E, "UI", b"1.2\t1.3\n", "expected a DICOM identifier as SeriesInstanceUID"),
        (0x0020000E, "UI", b"1.2\\1.3\0", "expected a DICOM identifier as SeriesInstanceUID"),
        (0x0020000D, "UI", b"1.2.99", "one of another study"),
        (0x00201209, "IS", b"-7", "expected a count"),
        (0x00201209, "IS", b"ma", "expected a (value|count)"),
    ],
)
def test_wrong_matches_over_dimse_are_server_errors(tag: int, kind: str, value: bytes, message: str) -> None:
    with (
        entity([(evt.EVT_C_FIND, spoilt(tag, kind, value))]) as url,
        pytest.raises(ServerError, match=message),
    ):
        connect(url).series({"StudyInstanceUID": STUDY})


def test_a_name_as_modality_is_withheld_over_dimse() -> None:
    with entity([(evt.EVT_C_FIND, spoilt(0x00080060, "CS", b"SMITH JOHN"))]) as url:
        assert [one.modality for one in connect(url).series({"StudyInstanceUID": STUDY})] == ["withheld"]


def test_a_pending_answer_does_not_store(files: list[Path]) -> None:
    with (
        entity([(evt.EVT_C_STORE, partial(lambda code, _event: code, 0xFF00))]) as url,
        pytest.raises(ServerError, match="refused the instance"),
    ):
        connect(url).store(files)


@pytest.mark.parametrize("keyword", ["SeriesInstanceUID", "StudyInstanceUID"])
def test_an_instance_without_identifiers_over_dimse_is_a_server_error(
    tmp_path: Path, images: list[FileDataset], keyword: str
) -> None:
    del images[0][keyword]
    with entity([finds(4), gives(images)]) as url, pytest.raises(ServerError, match=f"its answer lacks {keyword}"):
        connect(url).fetch(STUDY, SERIES, tmp_path / "out")
