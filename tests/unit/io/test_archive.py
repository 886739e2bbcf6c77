"""Zip and tar archives of DICOM files are read like folders, whatever the names and sizes of their members."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import Phantom

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io import archive
from medpaint.io.archive import is_archive, members
from medpaint.io.inspection import inspect
from medpaint.io.reading import product_name, read_scan
from medpaint.io.selection import Selection
from medpaint.io.source import Derivation

KINDS = ["zip", "stored.zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]
SHAPE = (6, 5, 4)


def pack(path: Path, contents: Mapping[str, bytes]) -> Path:
    """Make an archive of the kind that its name shows, with members under the given names."""
    if path.suffix == ".zip":
        method = zipfile.ZIP_STORED if path.name.endswith("stored.zip") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", method) as target:
            for name, content in contents.items():
                target.writestr(name, content)
        return path
    packing = {"tgz": "gz", "tar": ""}.get(path.suffix[1:], path.suffix[1:])
    with tarfile.open(path, f"w:{packing}") as tar:  # type: ignore[call-overload]
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def everything(_start: bytes) -> bool:
    return True


@pytest.fixture
def series(tmp_path: Path) -> Path:
    Phantom(shape=SHAPE).write(tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def contents(series: Path) -> dict[str, bytes]:
    """Return members whose names must not be used for files, and a file that is not an image."""
    files = sorted(series.iterdir())
    found = {f"../../deep/{file.name}": file.read_bytes() for file in files[:2]}
    found |= {f"/elsewhere/{file.name}": file.read_bytes() for file in files[2:]}
    return found | {"notes.txt": b"words"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_read_like_a_folder(
    tmp_path: Path, series: Path, contents: dict[str, bytes], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / f"scan.{kind}", contents)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    volume, source = read_scan(path)
    expected, folder = read_scan(series)
    np.testing.assert_array_equal(volume.data, expected.data)
    np.testing.assert_array_equal(volume.affine, expected.affine)
    assert source.sha256 == folder.sha256
    assert source.files == (path,)
    assert sorted(tmp_path.rglob("*")) == before
    (found,) = inspect(path)
    assert (found.path, found.restorable, found.shape) == (path, True, (5, 6, 4))


def test_products_of_an_archive_are_those_of_the_folder(
    tmp_path: Path, series: Path, contents: dict[str, bytes]
) -> None:
    path = pack(tmp_path / "scan.tar.gz", contents)
    mask = np.zeros((5, 6, 4), bool)
    mask[2:4, 2:4, 1:3] = True
    products = []
    for number, scan in enumerate((series, path)):
        volume, source = read_scan(scan)
        folder = tmp_path / f"out-{number}"
        source.write(np.where(mask, 7, volume.data).astype(volume.data.dtype), mask, folder, Derivation("", "key"))
        products.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert products[0] == products[1]
    assert product_name(path, Selection()) == "scan"


def test_links_are_refused_because_their_targets_are_missing(tmp_path: Path, series: Path) -> None:
    with tarfile.open(tmp_path / "scan.tar", "w") as tar:
        tar.add(series, "series")
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as target:
        target.writestr(entry, "/etc/hostname")
    for kind in ("tar", "zip"):
        with pytest.raises(UnreadableError, match="got one with links: unpack it"):
            read_scan(tmp_path / f"scan.{kind}")


def test_hard_links_are_read_as_their_targets(tmp_path: Path, series: Path) -> None:
    files = sorted(series.iterdir())
    (series / "again").hardlink_to(files[0])
    with tarfile.open(tmp_path / "scan.tar", "w") as tar:
        tar.add(series, "series")
    found = members(tmp_path / "scan.tar", everything)
    assert sorted(one.read_bytes() for one in found) == sorted(file.read_bytes() for file in series.iterdir())


def test_two_tars_in_one_file_are_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    parts = list(contents.items())
    for kind in ("tar", "tar.gz"):
        whole = b"".join(
            pack(tmp_path / f"{number}.{kind}", dict(part)).read_bytes()
            for number, part in enumerate((parts[:3], parts[3:]))
        )
        (tmp_path / f"both.{kind}").write_bytes(whole)
        with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
            read_scan(tmp_path / f"both.{kind}")


def test_the_oldest_kind_of_tar_is_recognised_by_its_name(tmp_path: Path, contents: dict[str, bytes]) -> None:
    whole = pack(tmp_path / "scan.tar", contents).read_bytes()
    plain = bytearray(whole)
    at = 0
    while (at := plain.find(b"ustar", at)) >= 0:
        plain[at : at + 8] = bytes(8)
        header = at - 257
        plain[header + 148 : header + 156] = b" " * 8
        plain[header + 148 : header + 156] = f"{sum(plain[header : header + 512]):06o}\0 ".encode()
    (tmp_path / "old.tar").write_bytes(plain)
    assert read_scan(tmp_path / "old.tar")[0].shape == (5, 6, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_archive_is_refused_and_never_partly_read(
    tmp_path: Path, contents: dict[str, bytes], kind: str
) -> None:
    whole = pack(tmp_path / f"scan.{kind}", contents).read_bytes()
    path = tmp_path / f"cut.{kind}"
    for length in np.linspace(600, len(whole.rstrip(b"\0")) - 1, 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
            read_scan(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_is_refused(tmp_path: Path, contents: dict[str, bytes], kind: str) -> None:
    whole = pack(tmp_path / f"scan.{kind}", contents).read_bytes()
    path = tmp_path / f"damaged.{kind}"
    expected, _ = read_scan(tmp_path / f"scan.{kind}")
    rng = np.random.default_rng(3)
    for _ in range(80):
        content = bytearray(whole)
        at, length = rng.integers(len(whole)), rng.integers(1, 300)
        content[at : at + length] = rng.bytes(int(length * rng.integers(3)))
        path.write_bytes(content)
        try:
            volume, _ = read_scan(path)
        except InputError:
            continue
        assert volume.shape == expected.shape
        if kind != "tar":  # the others have checksums
            np.testing.assert_array_equal(volume.data, expected.data)


def test_an_encrypted_zip_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = pack(tmp_path / "scan.zip", contents)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="not encrypted"):
        read_scan(path)


@pytest.mark.parametrize(
    ("kind", "limit", "value"),
    [
        ("zip", "MOST_BYTES", 1500),
        ("tar.gz", "MOST_BYTES", 1500),
        ("zip", "MOST_MEMBERS", 3),
        ("tar", "MOST_MEMBERS", 3),
        ("tar.gz", "MOST_MEMBERS", 3),
    ],
)
def test_an_archive_that_is_too_large_is_refused(
    tmp_path: Path, contents: dict[str, bytes], kind: str, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / f"scan.{kind}", contents)
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(UnreadableError, match="expected at most"):
        read_scan(path)


def test_a_zip_that_understates_its_size_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "scan.zip", {"large": bytes(100_000)})
    path.write_bytes(path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
        members(path, everything)


@pytest.mark.parametrize(("limit", "value"), [("_LONGEST_HEADER", 10_000), ("_MOST_HEADERS", 200_000)])
def test_overlong_names_in_a_tar_are_refused(
    tmp_path: Path, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, limit, value)
    path = pack(tmp_path / "scan.tar.gz", {letter * 50_000: b"" for letter in "abcdefgh"})
    with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
        members(path, everything)


def test_archives_in_a_folder_are_listed_and_other_zips_skipped(
    tmp_path: Path, contents: dict[str, bytes]
) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    pack(folder / "scan.zip", contents)
    pack(folder / "table.xlsx.zip", {"xl/sheet.xml": b"<sheet/>"}).rename(folder / "table.xlsx")
    (folder / "cut.zip").write_bytes((folder / "scan.zip").read_bytes()[:-40])
    assert [(one.path.name, one.restorable) for one in inspect(folder)] == [("cut.zip", False), ("scan.zip", True)]


def test_names_in_an_archive_are_never_reported(tmp_path: Path, contents: dict[str, bytes]) -> None:
    damaged = {f"M\udcfcller^Eva/{number}": content[:700] for number, content in enumerate(contents.values())}
    with pytest.raises(InputError, match=r"such as file 1 of .*scan\.tar") as caught:
        read_scan(pack(tmp_path / "scan.tar", damaged))
    assert "Eva" not in str(caught.value)
    assert not [one for one in inspect(tmp_path / "scan.tar") if "Eva" in f"{one.name}{one.path}{one.reason}"]


def test_an_archive_without_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="expected DICOM images, found none"):
        read_scan(pack(tmp_path / "scan.zip", {"notes.txt": b"words"}))


def test_members_can_be_read_in_parallel(tmp_path: Path) -> None:
    expected = {f"{number:03d}": bytes([number]) * 10_000 for number in range(50)}
    found = members(pack(tmp_path / "many.tar.gz", expected), everything)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one.read_bytes(), found * 4)) == list(expected.values()) * 4


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"\x1f\x8b\x08\0words"), Path.mkdir])
def test_other_files_are_not_archives(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "scan.bin")
    assert not is_archive(tmp_path / "scan.bin")
