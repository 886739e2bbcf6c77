"""What all kinds of server have in common: one contract for DICOMweb, C-GET and C-MOVE."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from certificates import certified
from dicom_phantom import Phantom
from orthanc import PASSWORD, USER, Addresses, free_port, missing, orthanc
from pydicom import FileDataset, dcmread
from servers import SERIES, STUDY, WAYS, Behaviour, serve

from medpaint.core.errors import AbsentError, InputError, ServerError, UsageError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.selection import Selection
from medpaint.pacs import Credentials, Server, connect
from medpaint.pipeline.restore import restore

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_waits")]

ADDRESSES = ("http://127.0.0.1:{port}/dicom-web", "dicom://OTHER@127.0.0.1:{port}")
REAL = [
    "ct-liver-crlm-1004/image",
    "mr-thigh-sts-001/image",
    "mr-enhanced-xa30/In/5_anat-T1w_acq-tfl",
    "geometry-zoo/generic/compressed_jpegls/001",
    "geometry-zoo/generic/compressed_rle/001",
    "mr-mosaic/In/Orientation/cor/corasc35",
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=ADDRESSES, ids=["DICOMweb", "DIMSE"])
def address(request: pytest.FixtureRequest) -> str:
    """Return the address of a server that cannot be reached."""
    return str(request.param).format(port=free_port())


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    if reason := missing():
        pytest.skip(reason)
    with orthanc(tmp_path_factory.mktemp("orthanc")) as found:
        yield found


@pytest.fixture
def server(way: str, addresses: Addresses) -> Server:
    """Return Orthanc, as each way of fetching sees it."""
    if way == "DICOMweb":
        return connect(addresses.web, credentials=Credentials(USER, PASSWORD))
    return connect(addresses.entity, receive=addresses.receive if way == "C-MOVE" else None)


def test_a_series_is_listed_and_fetched(tmp_path: Path, way: str, images: list[FileDataset]) -> None:
    shares: list[float] = []
    with serve(way, Behaviour(images)) as server:
        assert [vars(one) for one in server.series({"Modality": "CT", "StudyDate": "2020-"})] == [
            {"study": STUDY, "series": SERIES, "modality": "CT", "instances": 4}
        ]
        assert server.fetch(STUDY, SERIES, tmp_path / "out", lambda _what, share: shares.append(share)) == 4
    fetched = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in fetched] == ["0001.dcm", "0002.dcm", "0003.dcm", "0004.dcm"]
    assert [dcmread(file) for file in fetched] == images
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_an_absent_series_is_reported_and_leaves_no_folder(
    tmp_path: Path, way: str, images: list[FileDataset]
) -> None:
    behaviour = Behaviour(images, series="1.2.99")
    with serve(way, behaviour) as server, pytest.raises(AbsentError, match="which does not have it"):
        server.fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert behaviour.transfers == 0


def test_a_broken_transfer_is_retried_and_leaves_nothing_behind(
    tmp_path: Path, way: str, images: list[FileDataset]
) -> None:
    behaviour = Behaviour(images, breaks_off=True)
    with (
        serve(way, behaviour, timeout_s=1.0) as server,
        pytest.raises(ServerError, match="failed after 4 attempts"),
    ):
        server.fetch(STUDY, SERIES, tmp_path / "out" / "series")
    assert behaviour.transfers == 4
    assert list((tmp_path / "out").iterdir()) == []


def test_a_series_with_too_few_instances_is_refused(tmp_path: Path, way: str, images: list[FileDataset]) -> None:
    with (
        serve(way, Behaviour(images, count=5)) as server,
        pytest.raises(ServerError, match=r"after 4 attempts: expected 5 instances .*, got 4"),
    ):
        server.fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("count", "order"), [(4, [0, 1, 2, 2]), (3, [0, 1, 2, 3])], ids=["duplicate", "extra"])
def test_duplicate_and_extra_instances_are_refused(
    tmp_path: Path, way: str, images: list[FileDataset], count: int, order: list[int]
) -> None:
    behaviour = Behaviour([images[number] for number in order], count=count)
    with (
        serve(way, behaviour) as server,
        pytest.raises(ServerError, match=r"each once, got (one twice|more than)"),
    ):
        server.fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert behaviour.transfers == 1


def test_instances_of_another_series_are_refused(tmp_path: Path, way: str, images: list[FileDataset]) -> None:
    images[2].SeriesInstanceUID = "1.2.99"
    with serve(way, Behaviour(images)) as server, pytest.raises(ServerError, match="got one of another series"):
        server.fetch(STUDY, SERIES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unreachable_server_is_retried(address: str) -> None:
    with pytest.raises(ServerError, match="failed after 4 attempts: it could not be reached"):
        connect(address).series({})


@pytest.mark.parametrize("address", ADDRESSES, ids=["DICOMweb", "DIMSE"])
def test_a_silent_server_times_out(address: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent_address = address.format(port=silent.getsockname()[1])
        with pytest.raises(ServerError, match="failed after 4 attempts"):
            connect(silent_address, timeout_s=0.2).series({})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("way", ["DICOMweb", "C-GET"])
def test_an_untrusted_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, images: list[FileDataset]
) -> None:
    context, certificate = certified(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    with serve(way, Behaviour(images), tls=context, authority=certificate) as server:
        assert len(server.series({})) == 1
    with (
        serve(way, Behaviour(images), tls=context) as server,
        pytest.raises(ServerError, match="its certificate is not trusted"),
    ):
        server.series({})


@pytest.mark.parametrize("series", ["../../elsewhere", "1.2/3", "", "1.2.x"])
def test_invalid_identifiers_are_refused(tmp_path: Path, address: str, series: str) -> None:
    with pytest.raises(UsageError, match="expected a DICOM identifier"):
        connect(address).fetch("1.2", series, tmp_path / "out")


def test_unknown_keywords_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="expected DICOM keywords, such as Modality, got Modalty"):
        connect(address).series({"Modalty": "MR"})


def test_files_other_than_dicom_are_not_stored(tmp_path: Path, address: str) -> None:
    (tmp_path / "words.dcm").write_bytes(b"words")
    with pytest.raises(InputError, match="expected a DICOM file to store"):
        connect(address).store([tmp_path / "words.dcm"])


@pytest.mark.parametrize("name", ["absent.pem", "words.pem"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, address: str, name: str) -> None:
    (tmp_path / "words.pem").write_text("words")
    with pytest.raises(UsageError, match=rf"{name}: expected a PEM file of certificates"):
        connect(address, authority=tmp_path / name)


@pytest.mark.orthanc
@pytest.mark.parametrize("kind", ["DICOMweb", "DIMSE"])
def test_wrong_credentials_are_refused_without_retries(addresses: Addresses, kind: str) -> None:
    wrong = (
        connect(addresses.web, credentials=Credentials(USER, "wrong-secret"))
        if kind == "DICOMweb"
        else connect(addresses.entity.replace("ORTHANC", "WRONG"))
    )
    with pytest.raises(
        ServerError, match=r"failed: it (refuses the credentials|rejects the association)"
    ) as caught:
        wrong.series({})
    assert "attempts" not in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.orthanc
def test_a_series_missing_from_orthanc_is_reported(tmp_path: Path, server: Server) -> None:
    with pytest.raises(AbsentError, match=r"expected series 1\.2\.0 of study 1\.2 on .*, which does not have it"):
        server.fetch("1.2", "1.2.0", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.orthanc
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_phantom_makes_the_round_trip(tmp_path: Path, server: Server, way: str, modality: str) -> None:
    dtype = "int16" if modality == "CT" else "uint16"
    series = f"1.2.77.{WAYS.index(way)}.{len(dtype)}"
    Phantom(modality=modality, dtype=dtype, shape=(16, 18, 6), series=series).write(tmp_path / "scan")
    round_trip(tmp_path / "scan", server, tmp_path)


@pytest.mark.orthanc
@pytest.mark.real
@pytest.mark.parametrize(
    ("way", "name"),
    [("DICOMweb", name) for name in REAL] + [(way, name) for way in ("C-GET", "C-MOVE") for name in REAL[2:]],
    indirect=["way"],
)
def test_real_series_make_the_round_trip(tmp_path: Path, server: Server, real_data: Path, name: str) -> None:
    round_trip(real_data / "dicom" / name, server, tmp_path)


def round_trip(scan: Path, server: Server, folder: Path) -> None:
    """Store a scan, fetch it, restore it, store the products, fetch those, and compare."""
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
