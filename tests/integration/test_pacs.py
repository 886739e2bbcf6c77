"""The commands `medpaint pacs list|find|fetch|store`, and what only DICOMweb servers do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from dicom_phantom import Phantom
from orthanc import PASSWORD, USER, missing, orthanc
from servers import Handler, dicomweb

from medpaint.cli.main import main
from medpaint.core.errors import InputError, ServerError, UsageError
from medpaint.pacs import Credentials, connect, read_credentials, retry

pytestmark = pytest.mark.slow

AWAY = "http://127.0.0.1:1/dicom-web"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of Orthanc's DICOMweb service."""
    if reason := missing():
        pytest.skip(reason)
    with orthanc(tmp_path_factory.mktemp("orthanc")) as found:
        yield found.web


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)
    monkeypatch.delenv("MEDPAINT_PACS_USER", raising=False)


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the credentials of the server into the environment."""
    monkeypatch.setenv("MEDPAINT_PACS_USER", USER)
    monkeypatch.setenv("MEDPAINT_PACS_PASSWORD", PASSWORD)


@pytest.fixture
def pacs(capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `medpaint pacs` and returns its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main(["pacs", *map(str, words)])
        except SystemExit as stop:  # how argparse ends
            code = int(stop.code or 0)
        return code, *capfd.readouterr()

    return run


@pytest.mark.orthanc
@pytest.mark.usefixtures("_environment")
def test_series_are_stored_found_and_fetched(tmp_path: Path, url: str, pacs: Run) -> None:
    Phantom(series="1.2.99").write(tmp_path / "scan")
    runs = [stored := pacs("store", url, tmp_path / "scan")]
    assert stored[:2] == (0, "stored 4 instances\n")
    runs.append(found := pacs("find", url, "SeriesInstanceUID=1.2.99"))
    assert found[1].splitlines()[1].split("\t")[1:] == ["1.2.99", "CT", "4"]
    runs.append(listed := pacs("list", url))
    assert set(found[1].splitlines()) <= set(listed[1].splitlines())
    (tmp_path / "wanted.tsv").write_text(found[1])
    runs.append(fetched := pacs("fetch", url, "--table", tmp_path / "wanted.tsv", "--output", tmp_path / "out"))
    assert fetched[:2] == (0, f"{tmp_path / 'out' / '1.2.99'}\n")
    assert len(list((tmp_path / "out" / "1.2.99").iterdir())) == 4
    assert PASSWORD not in "".join(out + err for _, out, err in runs)


@pytest.mark.orthanc
def test_credentials_come_from_a_file(tmp_path: Path, url: str, pacs: Run) -> None:
    key = tmp_path / "key"
    key.write_text(f"{USER}:{PASSWORD}\n")
    key.chmod(0o600)
    assert pacs("find", url, "SeriesInstanceUID=1.2.0", "--credentials", key)[0] == 0


@pytest.mark.orthanc
def test_refused_credentials_exit_with_6(url: str, pacs: Run) -> None:
    code, _, err = pacs("list", url)
    assert code == 6
    assert err.startswith("medpaint: the request to ")


@pytest.mark.orthanc
@pytest.mark.usefixtures("_environment")
def test_paths_may_follow_options(tmp_path: Path, url: str, pacs: Run) -> None:
    Phantom(series="1.2.98").write(tmp_path / "scan")
    assert pacs("store", url, "--timeout", "20", tmp_path / "scan")[:2] == (0, "stored 4 instances\n")


@pytest.mark.orthanc
@pytest.mark.usefixtures("_environment")
def test_available_series_are_fetched_when_others_are_absent(tmp_path: Path, url: str, pacs: Run) -> None:
    Phantom(series="1.2.97").write(tmp_path / "scan")
    assert pacs("store", url, tmp_path / "scan")[0] == 0
    (tmp_path / "wanted.tsv").write_text("study\tseries\n1.2.3\t1.2.96\n1.2.3\t1.2.97\n")
    code, _, err = pacs("fetch", url, "--table", tmp_path / "wanted.tsv", "--output", tmp_path / "out")
    assert code == 6
    assert "fetched 1 of 2 series: expected series 1.2.96" in err
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["1.2.97"]


@pytest.mark.orthanc
@pytest.mark.usefixtures("_environment")
def test_one_row_of_a_cohort_is_fetched_without_printing_identifiers(tmp_path: Path, url: str, pacs: Run) -> None:
    Phantom(series="1.2.840.777.94").write(tmp_path / "scan")
    assert pacs("store", url, tmp_path / "scan")[0] == 0
    table, out = tmp_path / "scans.tsv", tmp_path / "out"
    table.write_text("scan\tstudy\tseries\na\t1.2.3\t1.2.840.777.94#time=1\nb\t1.2.3\t1.2.840.777.95\n")
    there = pacs("fetch", url, "--table", table, "--row", "a", "--output", out, "--status", tmp_path / "a.json")
    assert there == (0, f"{out}\n", "")
    assert [folder.name for folder in out.iterdir()] == ["1.2.840.777.94"]
    gone = pacs("fetch", url, "--table", table, "--row", "b", "--output", out, "--status", tmp_path / "b.json")
    assert gone == (0, "", "failed: the server does not have the series of this scan\n")
    away = pacs("fetch", AWAY, "--table", table, "--row", "a", "--output", tmp_path / "away")
    assert away[0] == 6
    said = "".join(map(str, (*there, *gone, *away))) + "".join(
        path.read_text() for path in tmp_path.glob("*.json")
    )
    assert "1.2.840" not in said


@pytest.mark.orthanc
def test_an_address_without_dicomweb_is_reported(url: str) -> None:
    root = url.removesuffix("/dicom-web")
    with pytest.raises(ServerError, match="expected a DICOMweb service at"):
        connect(root, credentials=Credentials(USER, PASSWORD)).series({})


@pytest.mark.parametrize("row", ["1.2\t", "1.2", "1.2\t../elsewhere"])
def test_a_table_without_identifiers_fetches_nothing(tmp_path: Path, pacs: Run, row: str) -> None:
    (tmp_path / "wanted.tsv").write_text(f"study\tseries\n{row}\n")
    code, _, err = pacs("fetch", AWAY, "--table", tmp_path / "wanted.tsv", "--output", tmp_path)
    assert code == 2
    assert "expected a DICOM identifier" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("list", AWAY, "Modality=CT"), "unrecognized arguments: Modality=CT"),
        (("find", AWAY), "the following arguments are required: KEY=VALUE"),
        (("find", AWAY, "Modality"), "expected KEY=VALUE, such as Modality=MR, got 'Modality'"),
        (("find", AWAY, "Modalty=CT"), "expected DICOM keywords"),
        (("find", AWAY, "Modality=CT", "--output", "out"), "unrecognized arguments: --output"),
        (("store", AWAY, "--colour", "scan"), "unrecognized arguments: --colour"),
        (("store", AWAY), "the following arguments are required: PATH"),
        (("fetch", AWAY, "--study", "1.2"), "the following arguments are required: --output"),
        (("fetch", AWAY, "--study", "1.2", "--output", "o"), "expected either --table, with or without --row"),
        (("list", "dicom://A@127.0.0.1:1", "--receive", "80000"), "expected a port to receive at, 1 to 65535"),
        (("search", AWAY), "invalid choice: 'search'"),
    ],
)
def test_wrong_usage_exits_with_2_and_sends_nothing(pacs: Run, words: tuple[str, ...], message: str) -> None:
    code, _, err = pacs(*words)
    assert code == 2
    assert message in err


@pytest.mark.parametrize("words", [["--json", "find"], ["find", "--json"]])
def test_json_may_come_before_or_after_the_subcommand(pacs: Run, words: list[str]) -> None:
    code, out, _ = pacs(*words, AWAY, "Modalty=CT")
    assert json.loads(out)["exit_code"] == code == 2


def test_an_empty_summary_stores_nothing(tmp_path: Path, pacs: Run) -> None:
    (tmp_path / "summary.tsv").write_text("scan\tstatus\treason\trestored\na\tnothing to repair\t\tx\n")
    assert pacs("store", AWAY, "--summary", tmp_path / "summary.tsv")[:2] == (0, "stored 0 instances\n")


def test_a_missing_table_is_reported(tmp_path: Path, pacs: Run) -> None:
    code, _, err = pacs("fetch", AWAY, "--output", tmp_path, "--table", tmp_path / "absent.tsv")
    assert code == 3
    assert "absent.tsv: expected a table of series" in err


class Pages(Handler):
    """Lists five series, two at a time."""

    def get(self) -> None:
        offset = int(dict(parse_qsl(urlsplit(self.path).query)).get("offset", "0"))
        self.answer_json([row(number) for number in range(5)][offset : offset + 2])


class SamePage(Handler):
    """Lists one series, whatever the offset."""

    asked = 0

    def get(self) -> None:
        type(self).asked += 1
        self.answer_json([row(0)])


def row(number: int) -> dict[str, Any]:
    """Return a listed series in DICOM JSON."""
    return {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "0020000E": {"vr": "UI", "Value": [f"1.2.{number}"]},
    }


def test_all_pages_of_a_list_are_read() -> None:
    with dicomweb(Pages) as address:
        assert [one.series for one in connect(address).series({})] == [f"1.2.{number}" for number in range(5)]


def test_a_repeated_page_ends_the_list() -> None:
    with dicomweb(SamePage) as address:
        assert len(connect(address).series({})) == 1
    assert SamePage.asked == 2


@pytest.mark.parametrize(
    ("content", "mode", "error", "message"),
    [
        ("user:secret", 0o644, UsageError, "only its owner can read"),
        ("secret", 0o600, UsageError, "expected one line"),
        (None, 0o600, InputError, "expected a file that can be read"),
    ],
)
def test_credentials_need_a_file_that_only_its_owner_can_read(
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
    with pytest.raises(UsageError, match="without user and password") as caught:
        connect("http://me:hidden@127.0.0.1/dicom-web")
    assert "hidden" not in str(caught.value)


def test_credentials_are_hidden_in_the_repr() -> None:
    assert "secret" not in repr(Credentials("user", "secret", "secret"))
