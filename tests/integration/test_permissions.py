"""Files and folders that the user may not read or write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cohorts import summary
from dicom_phantom import Phantom
from scans import save_pair
from unprivileged import unprivileged

pytestmark = pytest.mark.slow

SHAPE = (20, 18, 6)


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    """Take permissions of a file or folder away, and give them back."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def refusal(code: int, *words: object) -> str:
    """Return the one line with which a command is refused."""
    done = unprivileged(*map(str, words))
    assert done.returncode == code, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("medpaint: ")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return a scan and its mask."""
    return save_pair(tmp_path / "scans", "a")


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Return the folder of a DICOM series, with a further series in a folder below."""
    Phantom(shape=SHAPE).write(tmp_path / "series")
    (tmp_path / "series" / "z").mkdir()
    Phantom(shape=SHAPE, series="1.2.9.9").write(tmp_path / "series" / "z")
    return tmp_path / "series"


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, pair: tuple[Path, Path], which: int) -> None:
    with closed(pair[which]):
        found = refusal(3, "restore", pair[0], "--mask", pair[1], "--output", tmp_path / "out")
    assert found == f"cannot read {pair[which]}: Permission denied"
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_file_of_a_series_that_may_not_be_read_is_named(tmp_path: Path, series: Path) -> None:
    file = sorted(series.glob("*.dcm"))[2]
    with closed(file):
        found = refusal(3, "restore", series, "--series", "1.2.3.4", "--detect", "--output", tmp_path / "out")
        inspected = json.loads(unprivileged("inspect", str(series), "--json").stdout)
    reason = "a DICOM file that cannot be read (Permission denied)"
    assert found.endswith(f"got 1 damaged or unreadable, such as {file}: {reason}")
    assert json.dumps(inspected).count(f'"{file}"') == 1


@pytest.mark.parametrize("below", ["", "z"])
@pytest.mark.parametrize("mode", [0o000, 0o444, 0o311])
def test_a_folder_of_a_series_that_may_not_be_read_is_named(
    tmp_path: Path, series: Path, below: str, mode: int
) -> None:
    with closed(series / below, mode):
        found = refusal(3, "restore", series, "--series", "1.2.3.4", "--detect", "--output", tmp_path / "out")
        assert "Permission denied" in refusal(3, "inspect", series)
    assert found.startswith(f"cannot read {series / below}")
    assert found.endswith("Permission denied")


@pytest.mark.parametrize("below", ["", "new/folder"])
def test_an_output_folder_that_may_not_be_written_is_named(
    tmp_path: Path, pair: tuple[Path, Path], below: str
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    with closed(output, 0o555):
        found = refusal(1, "restore", pair[0], "--mask", pair[1], "--output", output / below)
    assert found.startswith(f"cannot write {output / below}")
    assert found.endswith("Permission denied")


@pytest.fixture
def products(tmp_path: Path, pair: tuple[Path, Path]) -> Path:
    """Return the folder of the products of a restored scan."""
    output = tmp_path / "products" / "a"
    words = ("restore", str(pair[0]), "--mask", str(pair[1]), "--engine", "nearest", "--output", str(output))
    assert unprivileged(*words).returncode == 0
    return output


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a_record.json", "expected a record, but it cannot be read: Permission denied"),
        ("a_restored.nii.gz", "cannot read {file}: Permission denied"),
        ("a_mask.nii.gz", "cannot read {file}: Permission denied"),
    ],
)
def test_a_product_that_may_not_be_read_does_not_verify(products: Path, name: str, reason: str) -> None:
    with closed(products / name):
        done = unprivileged("verify", str(products), "--json")
    assert done.returncode == 5
    (record,) = json.loads(done.stdout)["records"]
    assert record["problems"] == [reason.format(file=products / name)]


def test_a_folder_of_products_that_may_not_be_read_is_not_passed_over(products: Path) -> None:
    (products.parent / "b").mkdir()
    for folder in (products.parent, products.parent / "b"):
        with closed(folder):
            assert refusal(3, "verify", products.parent) == f"cannot read {folder}: Permission denied"


def test_scans_of_a_cohort_that_may_not_be_read_fail_alone(tmp_path: Path, series: Path) -> None:
    for name in ("good", "image", "mask"):
        save_pair(tmp_path / "scans", name)
    rows = [f"{name}\tscans/{name}.nii.gz\tscans/{name}-mask.nii.gz" for name in ("good", "image", "mask")]
    rows += ["file\tseries\t", "folder\tseries/z\t"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "scans.tsv").write_text("scan\timage\tmask\n" + "\n".join(rows) + "\n")
    (tmp_path / "config" / "config.yaml").write_text("restore:\n  engine: nearest\n")
    first = min(series.glob("*.dcm"))
    with (
        closed(tmp_path / "scans" / "image.nii.gz"),
        closed(tmp_path / "scans" / "mask-mask.nii.gz"),
        closed(first),
        closed(series / "z"),
    ):
        done = unprivileged("run", "--directory", str(tmp_path), "-c2")
    assert done.returncode == 4, done.stderr
    found = summary(tmp_path)
    assert {name: row["status"] for name, row in found.items()} == {
        "good": "restored",
        **dict.fromkeys(("image", "mask", "file", "folder"), "failed"),
    }
    assert all("Permission denied" in row["reason"] for name, row in found.items() if name != "good")
    assert "Traceback" not in done.stderr
    assert unprivileged("run", "--directory", str(tmp_path), "-c2").returncode in {0, 4}
    assert summary(tmp_path)["image"]["status"] == "restored"
