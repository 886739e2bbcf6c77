"""Patient names stay in DICOM: none is in a log, a record, a NIfTI header, a page or a message."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import yaml
from cohorts import snakemake, summary
from dicom_phantom import Phantom
from pydicom import DataElement, Dataset, FileDataset
from pydicom._dicom_dict import DicomDictionary
from pydicom.tag import Tag
from scans import save

from medpaint.cli.main import main

pytestmark = pytest.mark.slow

MARKER = "QZXJ"
"""Stands in every text; no word of any language holds it."""

TEXTS = {"PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE"}

NEEDED = {
    "SOPClassUID", "SpecificCharacterSet", "ImageType", "PhotometricInterpretation", "Modality", "RescaleType",
}  # fmt: skip


def marked(dataset: FileDataset, _index: int) -> None:
    """Write the marker into every text attribute of the standard, and into private ones."""
    for tag, (vr, *_rest) in DicomDictionary.items():
        keyword = DicomDictionary[tag][4]
        if vr in TEXTS and keyword and keyword not in NEEDED and 0x0008 <= Tag(tag).group < 0x5000:
            dataset.add(DataElement(Tag(tag), vr, f"{MARKER}{tag:08X}"[:16]))
    dataset.PatientBirthDate = "19010203"
    dataset.add_new((0x0009, 0x0010), "LO", f"{MARKER} CREATOR")
    dataset.add_new((0x0009, 0x1001), "UT", f"{MARKER} private")
    item = Dataset()
    item.PersonName = f"{MARKER}^nested"
    dataset.RequestAttributesSequence = [item]


def medpaint(capfd: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all that it and native code printed."""
    code = main([*map(str, words)])
    return code, "".join(capfd.readouterr())


def series(folder: Path) -> Path:
    """Write a series whose every text is marked, and a mask of it."""
    phantom = Phantom(shape=(24, 26, 12), change=marked)
    phantom.write(folder / "scan")
    mask = np.zeros((26, 24, 12), np.uint8)
    mask[10:14, 9:14, 4:7] = 1
    save(mask, folder / "mask.nii.gz", phantom.affine())
    return folder / "scan"


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the content of every file below a folder, unpacked, except DICOM products, which may name the
    patient."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".dcm":
            content = path.read_bytes()
            yield path, gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def leaks(text: str | bytes) -> bool:
    found = text if isinstance(text, bytes) else text.encode()
    return MARKER.encode() in found or b"19010203" in found


def test_patient_names_stay_in_the_dicom_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan, out, scores = series(tmp_path), tmp_path / "out", tmp_path / "scores"
    commands: list[tuple[str | Path, ...]] = [
        ("inspect", scan),
        ("inspect", scan, "--json"),
        ("restore", scan, "--mask", tmp_path / "mask.nii.gz", "--output", out, "--engine", "nearest"),
        ("restore", scan, "--detect", "--output", out, "--name", "detected"),
        ("verify", out),
        ("evaluate", scan, "--engines", "nearest", "--kinds", "blob:0.05", "--output", scores),
    ]
    runs = [medpaint(capfd, *words) for words in commands]
    assert [code for code, _ in runs[:5]] == [0, 0, 0, 0, 0], runs
    assert not [printed for _, printed in runs if leaks(printed)]
    looked = [found for folder in (out, scores) for found in contents(folder)]
    assert [path for path, content in looked if leaks(content)] == []
    assert len(looked) >= 4
    assert not [path for path in tmp_path.rglob("*") if MARKER in path.name]


@pytest.mark.parametrize("spoil", ["cut", "twice", "colour", "syntax", "position"])
def test_messages_about_bad_series_contain_no_patient_data(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], spoil: str
) -> None:
    scan = series(tmp_path)
    file = sorted(scan.iterdir())[3]
    content = file.read_bytes()
    if spoil == "cut":
        file.write_bytes(content[: len(content) - 200])
    elif spoil == "twice":
        (scan / "again.dcm").write_bytes(content)
    elif spoil == "colour":
        file.write_bytes(content.replace(b"MONOCHROME2 ", b"RGB         "))
    elif spoil == "syntax":
        file.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"))
    else:
        for one in scan.iterdir():
            one.write_bytes(one.read_bytes().replace(b"\x20\x00\x32\x00DS", b"\x20\x00\x32\x00LO"))
    for words in (
        ("restore", scan, "--mask", tmp_path / "mask.nii.gz", "--output", tmp_path / "o"),
        ("inspect", scan),
    ):
        _, printed = medpaint(capfd, *words)
        assert "Traceback" not in printed
        assert not leaks(printed)


class FaultError(Exception):
    """An error that no code expects."""


@pytest.mark.parametrize(
    "words", [("restore", "--output", "out"), ("ingest", "--output", "case.npz"), ("inspect",)]
)
def test_logs_of_internal_errors_contain_no_patient_data(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def quote(dataset: FileDataset, *_rest: object) -> NoReturn:
        message = f"cannot make sense of {dataset.PatientName if 'PatientName' in dataset else MARKER}"
        raise FaultError(message)

    scan = series(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("medpaint.io.dicom.inventory.text", quote)
    code = main([words[0], str(scan), *(["--mask", "mask.nii.gz"] if words[1:] else []), *words[1:]])
    printed = "".join(capfd.readouterr())
    assert code == (0 if words[0] == "ingest" else 1)
    assert "Traceback" in printed
    assert "FaultError, message withheld" in printed
    assert not leaks(printed)
    assert not [path for path, content in contents(tmp_path) if leaks(content)]


def test_logs_and_pages_of_a_cohort_contain_no_patient_data(tmp_path: Path) -> None:
    scan = series(tmp_path)
    Phantom(series="1.2.3.5", change=marked).write(tmp_path / "bad")[1].unlink()
    (tmp_path / "config").mkdir()
    rows = ["scan\timage\tmask", f"one\t{scan}\tmask.nii.gz", f"two\t{scan}\t", "bad\tbad\t"]
    (tmp_path / "config" / "scans.tsv").write_text("\n".join(rows) + "\n")
    evaluated = {"engines": ["nearest"], "kinds": ["blob:0.05"]}
    config = {"restore": {"engine": "nearest"}, "evaluate": evaluated}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    done = [snakemake(tmp_path), snakemake(tmp_path, "evaluate")]
    assert summary(tmp_path)["bad"]["status"] == "failed"
    assert summary(tmp_path)["one"]["status"] == "restored"
    assert not [run for run in done if leaks(run.stdout)]
    looked = [*contents(tmp_path / "results"), *contents(tmp_path / ".snakemake")]
    assert [path for path, content in looked if leaks(content)] == []
    assert {path.parent.name for path, _ in looked} >= {"ingest", "export", "one", "evaluation"}
