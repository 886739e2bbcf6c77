"""A run with `deidentify` leaves no identifier of a scan behind: all that it writes and prints is searched."""

from __future__ import annotations

import base64
import gzip
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cohorts import planned, summary
from dicom_phantom import Phantom
from pydicom import FileDataset
from pydicom import uid as uids
from scans import save

pytestmark = pytest.mark.slow

nib: Any = import_module("nibabel")
"""The library does not say what types its functions take."""

NAME, BORN, HOSPITAL, UID, REGION = "DOEQZXJ", "19010203", "QZXJSPITAL", "1.2.826.0.777", "QZXJREGION"
IDENTIFIERS = (NAME, BORN, HOSPITAL, UID, REGION)
"""Each stands in headers, in names of files or folders, or in the table."""


def marked(dataset: FileDataset, index: int) -> None:
    """Write identifiers into the header of an image."""
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = f"{NAME}^JANE", NAME, BORN
    dataset.InstitutionName, dataset.StudyDate = HOSPITAL, BORN
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = f"{UID}.1", f"{UID}.2"
    instance = uids.UID(f"{UID}.3.{index}{dataset.SeriesInstanceUID[-2:]}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.StationName = dataset.SeriesDescription = HOSPITAL
    dataset.add_new((0x0009, 0x0010), "LO", f"{HOSPITAL} CREATOR")
    dataset.add_new((0x0009, 0x1001), "LO", f"{NAME}^JANE")


def cohort(folder: Path) -> None:
    """Write a cohort whose scans, folders and table name a patient; most scans fail, each in another way."""
    home = folder / f"{NAME}^JANE_{BORN}" / HOSPITAL
    phantom = Phantom(shape=(12, 14, 6), series=f"{UID}.4", change=marked)
    for name in ("good", "cut", "short", "twice", "unread", "named"):
        phantom.write(home / name)
    other = Phantom(shape=(12, 14, 6), series=f"{UID}.5", change=marked)
    other.write(home / "twice" / "second")
    for file in (home / "cut").iterdir():
        file.write_bytes(file.read_bytes()[:-100])
    next(iter((home / "short").iterdir())).unlink()
    colour = next(iter((home / "unread").iterdir()))
    colour.write_bytes(colour.read_bytes().replace(b"MONOCHROME2 ", f"{NAME}^JANE".encode()))
    mask = np.zeros((14, 12, 6), np.uint8)
    mask[4:8, 3:8, 2:4] = 1
    save(mask, home / f"{NAME}-mask.nii.gz", phantom.affine())
    save(mask[:5], home / f"{NAME}-wrong.nii.gz", phantom.affine())
    (home / f"{NAME}.nii").write_bytes(f"{NAME}^JANE".encode() * 100)
    texts = nib.Nifti1Image(np.arange(14 * 12 * 6, dtype=np.int16).reshape(14, 12, 6), phantom.affine())
    texts.header["descrip"] = texts.header["db_name"] = NAME
    texts.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{NAME}^JANE {BORN}".encode()))
    nib.save(texts, home / f"{NAME}-head.nii.gz")
    (home / f"{NAME}.nrrd").write_bytes(
        f"NRRD0004\ntype: short\ndimension: 3\nsizes: 14 12 6\ncontent: {NAME}\nname:={NAME}^JANE\n"
        f'units: "{NAME}" "" ""\nendian: little\nencoding: raw\n\n'.encode()
        + bytes(2 * 14 * 12 * 6)
    )
    right, wrong = home / f"{NAME}-mask.nii.gz", home / f"{NAME}-wrong.nii.gz"
    rows = [
        f"good\t{home / 'good'}\t{right}\t\t",
        f"detected\t{home / 'good'}\t\t\t",
        f"chosen\t{home / 'twice'}\t{right}\t{UID}.5\t",
        f"cut\t{home / 'cut'}\t{right}\t\t",
        f"short\t{home / 'short'}\t{right}\t\t",
        f"twice\t{home / 'twice'}\t{right}\t\t",
        f"unread\t{home / 'unread'}\t{right}\t\t",
        f"wrong\t{home / 'good'}\t{wrong}\t\t",
        f"nomask\t{home / 'good'}\t{home / 'absent'}.nii\t\t",
        f"absent\t{home / 'nowhere'}\t{right}\t\t",
        f"text\t{home / NAME}.nii\t{right}\t\t",
        f"series\t{home / 'good'}\t{right}\t{UID}.9\t",
        f"label\t{home / 'named'}\t{right}\t\t{REGION}",
        f"nifti\t{home / NAME}-head.nii.gz\t{right}\t\t",
        f"unit\t{home / NAME}.nrrd\t{right}\t\t",
        f"bad\t{home}/\x1b{NAME}\t\t\t",
    ]
    (folder / "config").mkdir()
    (folder / "config" / "scans.tsv").write_text("\n".join(["scan\timage\tmask\tseries\tlabels", *rows]) + "\n")
    (folder / "config" / "key").write_text("nobody guesses this line\n")
    (folder / "config" / "key").chmod(0o600)
    config = {"batch_size": 20, "restore": {"engine": "nearest", "deidentify": "config/key"}}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))


def medpaint(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "medpaint", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


def forms(content: bytes) -> Iterator[bytes]:
    """Yield the forms in which bytes may hold an identifier: as they are, unpacked, and from a name in base64."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)


def written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the name and the content of everything in the results and in Snakemake's own folder."""
    for top in ("results", ".snakemake"):
        for path in sorted((folder / top).rglob("*")):
            yield path, str(path.relative_to(folder)).encode()
            if top == ".snakemake":
                with suppress(ValueError):
                    yield path, base64.b64decode(path.name + "===", altchars=b"-_")
            if path.is_file():
                yield from ((path, form) for form in forms(path.read_bytes()))
            if path.suffix == ".npz":
                with zipfile.ZipFile(path) as archive:
                    yield from ((path, archive.read(name)) for name in archive.namelist())


def leaks(content: bytes) -> list[str]:
    wide = content.replace(b"\0", b"")
    return [one for one in IDENTIFIERS if one.encode() in content or one.encode() in wide]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the cohort, in which it was run; what the run printed is in the file `printed`."""
    folder = tmp_path_factory.mktemp("cohort")
    cohort(folder)
    done = medpaint(folder, "run", "--cores", "2", "--notemp")
    (folder / "printed").write_bytes(done.stdout + done.stderr)
    assert done.returncode == 4
    return folder


def test_failures_are_told_by_their_kind(folder: Path) -> None:
    rows = summary(folder)
    assert {name for name, row in rows.items() if row["status"] == "restored"} == {"good", "chosen", "nifti"}
    assert rows["detected"]["status"] == "nothing to repair"
    assert sum(row["status"] == "failed" for row in rows.values()) == len(rows) - 4
    reasons = {name: row["reason"] for name, row in rows.items()}
    assert "(UnreadableError); which one, and why, is withheld" in reasons["cut"]
    assert "the mask cannot be right for this scan (MaskError)" in reasons["wrong"]
    assert "line 17, column image" in reasons["bad"]


def test_a_deidentified_run_leaves_no_identifier_behind(folder: Path) -> None:
    found = list(written(folder))
    assert {path.name: leaks(content) for path, content in found if leaks(content)} == {}
    assert leaks((folder / "printed").read_bytes()) == []
    assert len(found) > 200
    assert any(path.suffix == ".npz" for path, _ in found)
    assert any(path.is_relative_to(folder / ".snakemake" / "metadata") for path, _ in found)


def test_verification_needs_no_names(folder: Path) -> None:
    done = medpaint(folder, "verify", "results")
    assert leaks(done.stdout + done.stderr) == []
    assert b"4 of 16 records hold, 12 of scans that failed" in done.stdout
    assert done.returncode == 0


def test_a_change_of_a_withheld_file_redoes_its_scan(folder: Path) -> None:
    assert planned(folder, "results/summary.tsv") == set()
    (folder / f"{NAME}^JANE_{BORN}" / HOSPITAL / "absent.nii").write_bytes(b"now here")
    cases = {file for file in planned(folder, "results/summary.tsv") if file.startswith("results/work/cases")}
    assert cases == {"results/work/cases/nomask.npz"}
