"""Zip and tar archives of DICOM files: read like folders, whatever their members are called or claim."""

from __future__ import annotations

import io
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
from medpaint.io.reading import read_scan
from medpaint.pipeline import restore

KINDS = ["zip", "stored.zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]
SHAPE = (6, 5, 4)


def pack(path: Path, contents: Mapping[str, bytes]) -> Path:
    """Make an archive of the kind that its name says, its members called as they are asked to be."""
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


@pytest.fixture
def series(tmp_path: Path) -> Path:
    Phantom(shape=SHAPE).write(tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def contents(series: Path) -> dict[str, bytes]:
    """Members of an archive that should not be unpacked under their names, and a file that is no image."""
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
    products = [
        restore(scan, mask, output=tmp_path / f"out-{number}", name=name, engine="nearest").products
        for number, (scan, name) in enumerate([(series, "scan"), (path, None)])
    ]
    first, second = (
        {file.name: file.read_bytes() for file in one.restored.iterdir()} for one in products if one is not None
    )
    assert first == second
    assert products[1] is not None
    assert products[1].restored.name == "scan_restored"


def test_links_and_folders_of_a_tar_are_passed_over(tmp_path: Path, series: Path) -> None:
    with tarfile.open(tmp_path / "scan.tar", "w") as tar:
        tar.add(series, "series")
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    assert [one.name for one in members(tmp_path / "scan.tar")] == [
        f"series/{file.name}" for file in sorted(series.iterdir())
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_is_refused_and_never_read_in_part(
    tmp_path: Path, contents: dict[str, bytes], kind: str
) -> None:
    whole = pack(tmp_path / f"scan.{kind}", contents).read_bytes()
    path = tmp_path / f"cut.{kind}"
    for length in np.linspace(600, len(whole.rstrip(b"\0")) - 1, 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
            read_scan(path)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_and_never_read_over(tmp_path: Path, contents: dict[str, bytes], kind: str) -> None:
    whole = pack(tmp_path / f"scan.{kind}", contents).read_bytes()
    path = tmp_path / f"damaged.{kind}"
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
        assert volume.shape == (5, 6, 4)


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
def test_an_archive_of_too_much_is_refused(
    tmp_path: Path, contents: dict[str, bytes], kind: str, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / f"scan.{kind}", contents)
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(UnreadableError, match="expected at most"):
        read_scan(path)


def test_a_zip_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "scan.zip", {"large": bytes(100_000)})
    path.write_bytes(path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
        members(path)


def test_a_name_of_a_tar_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MOST_AT_ONCE", 2**20)
    path = pack(tmp_path / "scan.tar.gz", {"a" * 2**21: b""})
    with pytest.raises(UnreadableError, match="expected an archive that can be unpacked"):
        members(path)


def test_archives_in_a_folder_are_listed_and_other_zips_passed_over(
    tmp_path: Path, contents: dict[str, bytes]
) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    pack(folder / "scan.zip", contents)
    pack(folder / "table.xlsx.zip", {"xl/sheet.xml": b"<sheet/>"}).rename(folder / "table.xlsx")
    (folder / "cut.zip").write_bytes((folder / "scan.zip").read_bytes()[:-40])
    assert [(one.path.name, one.restorable) for one in inspect(folder)] == [("cut.zip", False), ("scan.zip", True)]


def test_an_archive_without_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="expected DICOM images, found none"):
        read_scan(pack(tmp_path / "scan.zip", {"notes.txt": b"words"}))


def test_members_can_be_read_side_by_side(tmp_path: Path) -> None:
    expected = {f"{number:03d}": bytes([number]) * 10_000 for number in range(50)}
    found = members(pack(tmp_path / "many.tar.gz", expected))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one.read_bytes(), found * 4)) == list(expected.values()) * 4


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"\x1f\x8b\x08\0words"), Path.mkdir])
def test_what_is_no_archive_is_none(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "scan.bin")
    assert not is_archive(tmp_path / "scan.bin")
