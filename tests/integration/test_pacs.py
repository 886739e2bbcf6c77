"""Series from a server and products to it, by DICOMweb and DIMSE: Orthanc. DICOMweb servers that fail."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pydicom
import pytest
from certificates import certified
from dicom_phantom import Phantom
from orthanc import PASSWORD, USER, Addresses, free_port, missing, orthanc

from medpaint.core.errors import InputError, ServerError, UsageError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.selection import Selection
from medpaint.pacs import Credentials, Server, connect, read_credentials, retry
from medpaint.pipeline.restore import restore

pytestmark = [pytest.mark.slow, pytest.mark.orthanc]

REAL = [
    "ct-liver-crlm-1004/image",
    "mr-thigh-sts-001/image",
    "mr-enhanced-xa30/In/5_anat-T1w_acq-tfl",
    "geometry-zoo/generic/compressed_jpegls/001",
    "geometry-zoo/generic/compressed_rle/001",
    "mr-mosaic/In/Orientation/cor/corasc35",
]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    if reason := missing():
        pytest.skip(reason)
    with orthanc(tmp_path_factory.mktemp("orthanc")) as found:
        yield found


@pytest.fixture(scope="module")
def url(addresses: Addresses) -> str:
    return addresses.web


@pytest.fixture(params=["DICOMweb", "C-GET", "C-MOVE"])
def server(request: pytest.FixtureRequest, addresses: Addresses) -> Server:
    if request.param == "DICOMweb":
        return connect(addresses.web, credentials=Credentials(USER, PASSWORD))
    return connect(addresses.entity, receive=addresses.receive if request.param == "C-MOVE" else None)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)


def round_trip(scan: Path, server: Server, folder: Path) -> None:
    """Store a scan, fetch it, restore it, store what came of it, fetch that, and compare."""
    stored = [file for file in sorted(scan.iterdir()) if file.is_file() and file.suffix != ".nii"]
    assert server.store(stored) == len(stored)
    first = pydicom.dcmread(stored[0])
    study, uid = first.StudyInstanceUID, first.SeriesInstanceUID
    (listed,) = server.series({"SeriesInstanceUID": uid})
    assert (listed.study, listed.instances) == (study, len(stored))
    assert server.fetch(study, uid, folder / "fetched") == len(stored)
    name = list_series(folder / "fetched")[0].name
    volume, _ = read_series(folder / "fetched", series=name)
    original, _ = read_series(scan, series=name)
    np.testing.assert_array_equal(volume.data, original.data)
    i, j, k = (size // 2 for size in volume.shape)
    mask = np.zeros(volume.shape, bool)
    mask[i - 2 : i + 2, j - 2 : j + 2, k - 1 : k + 1] = True
    done = restore(folder / "fetched", mask, output=folder / "out", engine="nearest", series=name)
    assert done.products is not None
    products = [*sorted(done.products.restored.iterdir()), *folder.glob("out/*.dcm")]
    assert server.store(products) == len(products)
    assert server.store(products) == len(products)
    derived = pydicom.dcmread(products[0])
    server.fetch(study, derived.SeriesInstanceUID, folder / "again")
    again, _ = read_series(folder / "again", series=Selection(series=name).in_product().series)
    np.testing.assert_array_equal(again.data, done.volume.data)
    np.testing.assert_array_equal(again.data[~mask], original.data[~mask])
    np.testing.assert_allclose(again.affine, original.affine, atol=1e-6)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_phantom_goes_there_and_back(tmp_path: Path, server: Server, modality: str) -> None:
    dtype = "int16" if modality == "CT" else "uint16"
    Phantom(
        modality=modality, dtype=dtype, shape=(16, 18, 6), series=f"1.2.77.{len(modality)}{dtype[0] == 'i':d}"
    ).write(tmp_path / "scan")
    round_trip(tmp_path / "scan", server, tmp_path)


@pytest.mark.real
@pytest.mark.parametrize(
    ("server", "name"),
    [("DICOMweb", name) for name in REAL] + [(way, name) for way in ("C-GET", "C-MOVE") for name in REAL[2:]],
    indirect=["server"],
)
def test_series_of_scanners_go_there_and_back(tmp_path: Path, server: Server, real_data: Path, name: str) -> None:
    round_trip(real_data / "dicom" / name, server, tmp_path)


def medpaint(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medpaint", "pacs", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_the_command_line_lists_fetches_and_stores(tmp_path: Path, url: str) -> None:
    Phantom(series="1.2.99").write(tmp_path / "scan")
    key = tmp_path / "key"
    key.write_text(f"{USER}:{PASSWORD}\n")
    key.chmod(0o600)
    who = ("--credentials", str(key))
    stored = medpaint("store", url, str(tmp_path / "scan"), *who)
    assert stored.stdout == "stored 4 instances\n", stored.stderr
    environment = {"MEDPAINT_PACS_USER": USER, "MEDPAINT_PACS_PASSWORD": PASSWORD}
    listed = medpaint("list", url, "--query", "SeriesInstanceUID=1.2.99", **environment)
    assert listed.stdout.splitlines()[1].split("\t")[1:] == ["1.2.99", "CT", "4"], listed.stderr
    (tmp_path / "wanted.tsv").write_text(listed.stdout)
    output = tmp_path / "fetched"
    fetched = medpaint("fetch", url, "--table", str(tmp_path / "wanted.tsv"), "--output", str(output), *who)
    assert fetched.returncode == 0, fetched.stderr
    assert len(list((output / "1.2.99").iterdir())) == 4
    for run in (stored, listed, fetched):
        assert PASSWORD not in run.stdout + run.stderr


def test_other_credentials_are_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ServerError, match=r"it wants other credentials \(401\)") as caught:
        connect(url, credentials=Credentials(USER, "wrong-secret")).series({})
    assert "attempts" not in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    run = medpaint("list", url)
    assert run.returncode == 6
    assert run.stderr.startswith("medpaint: ")


def test_a_series_that_is_not_there_is_said_so(tmp_path: Path, server: Server) -> None:
    with pytest.raises(ServerError, match=r"expected series 1\.2\.0 of study 1\.2 on .*, found none"):
        server.fetch("1.2", "1.2.0", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("row", ["1.2\t", "1.2", "1.2\t../elsewhere"])
def test_a_table_without_identifiers_fetches_nothing(tmp_path: Path, row: str) -> None:
    (tmp_path / "wanted.tsv").write_text(f"study\tseries\n{row}\n")
    where = ("--table", str(tmp_path / "wanted.tsv"), "--output", str(tmp_path))
    run = medpaint("fetch", "http://127.0.0.1:1/dicom-web", *where)
    assert run.returncode == 2
    assert "expected a DICOM identifier" in run.stderr


def test_what_comes_after_an_option_is_stored_too(tmp_path: Path, url: str) -> None:
    Phantom(series="1.2.98").write(tmp_path / "scan")
    environment = {"MEDPAINT_PACS_USER": USER, "MEDPAINT_PACS_PASSWORD": PASSWORD}
    stored = medpaint("store", url, "--timeout", "20", str(tmp_path / "scan"), **environment)
    assert stored.stdout == "stored 4 instances\n", stored.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("list", "http://127.0.0.1:1", "Modality=CT"), "unrecognized arguments: Modality=CT"),
        (("store", "http://127.0.0.1:1", "--colour"), "unrecognized arguments: --colour"),
        (("list", "http://127.0.0.1:1", "--query", "Modalty=CT"), "expected keywords of DICOM"),
        (("store", "http://127.0.0.1:1"), "expected DICOM files, folders of them, or --summary"),
        (("fetch", "dicom://A@127.0.0.1:1", "--receive", "80000"), "expected a port, 1 to 65535"),
        (("fetch", "http://127.0.0.1:1", "--output", "o", "--table", "absent.tsv"), "no such file"),
    ],
)
def test_wrong_calls_are_told_and_send_nothing(words: tuple[str, ...], message: str) -> None:
    run = medpaint(*words)
    assert run.returncode == 2
    assert message in run.stderr


def test_where_nothing_was_restored_nothing_is_stored(tmp_path: Path) -> None:
    (tmp_path / "summary.tsv").write_text("scan\tstatus\trestored\na\tnothing to repair\tx\n")
    run = medpaint("store", "http://127.0.0.1:1", "--summary", str(tmp_path / "summary.tsv"))
    assert (run.returncode, run.stdout) == (0, "stored 0 instances\n")


def test_the_series_of_a_table_that_are_there_are_fetched(tmp_path: Path, url: str) -> None:
    Phantom(series="1.2.97").write(tmp_path / "scan")
    environment = {"MEDPAINT_PACS_USER": USER, "MEDPAINT_PACS_PASSWORD": PASSWORD}
    assert medpaint("store", url, str(tmp_path / "scan"), **environment).returncode == 0
    (tmp_path / "wanted.tsv").write_text("study\tseries\n1.2.3\t1.2.96\n1.2.3\t1.2.97\n")
    where = ("--table", str(tmp_path / "wanted.tsv"), "--output", str(tmp_path / "out"))
    run = medpaint("fetch", url, *where, **environment)
    assert run.returncode == 6
    assert "fetched 1 of 2 series: expected series 1.2.96" in run.stderr
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["1.2.97"]


def test_an_address_that_is_no_dicomweb_service_is_said_so(url: str) -> None:
    root = url.removesuffix("/dicom-web")
    with pytest.raises(ServerError, match="expected a DICOMweb service at"):
        connect(root, credentials=Credentials(USER, PASSWORD)).series({})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certificates_are_checked_whatever_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().cafile or "/etc/ssl/cert.pem")
    with broken(tls=context) as (address, _):
        assert len(connect(address, authority=certificate).series({})) == 1
        with pytest.raises(ServerError, match="its certificate is not trusted"):
            connect(address).series({})


def test_a_server_that_is_away_is_tried_again_and_then_given_up() -> None:
    with pytest.raises(ServerError, match="after 4 attempts: it was not reached"):
        connect(f"http://127.0.0.1:{free_port()}/dicom-web").series({})


class Broken(BaseHTTPRequestHandler):
    """Lists one series of two instances, and breaks off, or takes its time, where it is fetched."""

    slow_s = 0.0
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        time.sleep(self.slow_s)
        if "/studies/" in self.path:
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=part')
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"--part\r\nContent-Type: application/dicom\r\n\r\nhalf")
            self.close_connection = True
            return
        listed = (
            b'[{"0020000D": {"vr": "UI", "Value": ["1.2"]}, "0020000E": {"vr": "UI", "Value": ["1.2.3"]}, '
            b'"00080060": {"vr": "CS", "Value": ["CT"]}, "00201209": {"vr": "IS", "Value": [2]}}]'
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(listed)))
        self.end_headers()
        self.wfile.write(listed)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def broken(
    slow_s: float = 0.0, tls: ssl.SSLContext | None = None, kind: type[Broken] = Broken
) -> Iterator[tuple[str, type[Broken]]]:
    """Serve the broken server, or another."""
    handler = type("Handler", (kind,), {"slow_s": slow_s, "asked": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as one:
        if tls is not None:
            one.socket = tls.wrap_socket(one.socket, server_side=True)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{one.server_address[1]}/dicom-web", handler
        one.shutdown()


class Pages(Broken):
    """Lists five series, two at once."""

    def do_GET(self) -> None:
        offset = int(dict(parse_qsl(urlsplit(self.path).query)).get("offset", "0"))
        rows = [
            {"0020000D": {"vr": "UI", "Value": ["1.2"]}, "0020000E": {"vr": "UI", "Value": [f"1.2.{number}"]}}
            for number in range(5)
        ]
        listed = json.dumps(rows[offset : offset + 2]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(listed)))
        self.end_headers()
        self.wfile.write(listed)


def test_a_server_that_lists_page_by_page_is_asked_for_all() -> None:
    with broken(kind=Pages) as (address, _):
        assert [one.series for one in connect(address).series({})] == [f"1.2.{number}" for number in range(5)]


def test_a_server_that_lists_the_same_page_again_is_not_asked_for_ever() -> None:
    with broken() as (address, handler):
        assert len(connect(address).series({})) == 1
    assert handler.asked == 2


def test_a_transfer_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    with broken() as (address, handler), pytest.raises(ServerError, match="after 4 attempts"):
        connect(address).fetch("1.2", "1.2.3", tmp_path / "out")
    assert handler.asked == 5
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with broken(slow_s=1.0) as (address, _), pytest.raises(ServerError, match="it did not answer in time"):
        connect(address, timeout_s=0.1).series({})


@pytest.mark.parametrize(
    ("content", "mode", "error", "message"),
    [
        ("user:secret", 0o644, UsageError, "only its owner can read"),
        ("secret", 0o600, UsageError, "expected one line"),
        (None, 0o600, InputError, "expected a file that can be read"),
    ],
)
def test_credentials_come_from_a_file_of_the_owner_alone(
    tmp_path: Path, content: str | None, mode: int, error: type[Exception], message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(error, match=message) as caught:
        read_credentials(path)
    assert "secret" not in str(caught.value)


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(UsageError, match="without a user or a password in it") as caught:
        connect("http://me:hidden@127.0.0.1/dicom-web")
    assert "hidden" not in str(caught.value)


def test_credentials_do_not_show() -> None:
    assert "secret" not in repr(Credentials("user", "secret", "secret"))


@pytest.mark.parametrize("series", ["../../elsewhere", "1.2/3", "", "1.2.x"])
def test_words_that_are_no_identifiers_are_refused(tmp_path: Path, series: str) -> None:
    with pytest.raises(UsageError, match="expected a DICOM identifier"):
        connect("http://127.0.0.1:1/dicom-web").fetch("1.2", series, tmp_path / "out")
