"""Texts in files of every format: none reaches a terminal, a log, a record or a table as it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom
from pydicom import FileDataset
from scans import save, save_pair

from medpaint.cli.main import main

nib: Any = import_module("nibabel")

NAME = b"QZXJDOE^JANE"
"""Twelve bytes that no message contains by itself, and that are no code string."""

CONTROLS = "\x1b]0;\x07\x1b[2J\x9b31m\u202e\r\x00"
"""An escape of terminals, a control character of the C1 set, a change of direction, a return and a null."""


def nifti(folder: Path, *, spoil: str) -> Path:
    """Write a NIfTI file whose fields of text hold a name, in a form that is refused where that is asked for."""
    image = nib.Nifti1Image(np.arange(480, dtype=np.int16).reshape(8, 10, 6), np.diag([2.0, 2.0, 2.0, 1.0]))
    for field in ("descrip", "db_name", "intent_name", "aux_file"):
        image.header[field] = NAME
    content = bytearray(image.to_bytes())
    if spoil == "magic":
        content[344:348] = NAME[:4]
    elif spoil == "length":
        content[:12] = NAME
    elif spoil == "type":
        content[70:72] = NAME[:2]
    elif spoil == "axes":
        content[40:42] = NAME[:2]
    path = folder / "scan.nii"
    path.write_bytes(content)
    return path


def nrrd(folder: Path, *, spoil: str) -> Path:
    """Write a NRRD file with a name in one of its fields."""
    fields = {"type": b"short", "dimension": b"3", "space": b"left-posterior-superior", "sizes": b"8 10 6"}
    fields |= {"space directions": b"(2,0,0) (0,2,0) (0,0,2)", "endian": b"little", "encoding": b"raw"}
    fields |= {
        "content": NAME,
        "space origin": b"(0,0,0)",
        spoil: NAME if spoil != "space units" else b'"%s"' % NAME,
    }
    lines = [b"%s: %s" % (key.encode(), value) for key, value in fields.items()]
    path = folder / "scan.nrrd"
    path.write_bytes(b"\n".join([b"NRRD0004", *lines, b"name:=" + NAME, b"", b""]) + bytes(960))
    return path


def metaimage(folder: Path, *, spoil: str) -> Path:
    """Write a MetaImage file with a name in one of its fields."""
    fields = {"ObjectType": b"Image", "NDims": b"3", "BinaryData": b"True", "CompressedData": b"False"}
    fields |= {"TransformMatrix": b"1 0 0 0 1 0 0 0 1", "Offset": b"0 0 0", "ElementSpacing": b"2 2 2"}
    fields |= {
        "Comment": NAME,
        "PatientName": NAME,
        "DimSize": b"8 10 6",
        "ElementType": b"MET_SHORT",
        spoil: NAME,
    }
    lines = [b"%s = %s" % (key.encode(), value) for key, value in fields.items()]
    path = folder / "scan.mhd"
    data = NAME + b".raw" if spoil == "ElementDataFile" else b"voxels.raw"
    path.write_bytes(b"\n".join([*lines, b"ElementDataFile = " + data, b""]))
    (folder / "voxels.raw").write_bytes(bytes(960))
    return path


CODES = {
    "Modality": b"\x08\x00\x60\x00CS",
    "PhotometricInterpretation": b"\x28\x00\x04\x00CS",
    "SeriesInstanceUID": b"\x20\x00\x0e\x00UI",
    "FrameOfReferenceUID": b"\x20\x00\x52\x00UI",
    "SOPClassUID": b"\x08\x00\x16\x00UI",
    "TransferSyntaxUID": b"\x02\x00\x10\x00UI",
    "EchoTime": b"\x18\x00\x81\x00DS",
    "PixelSpacing": b"\x28\x00\x30\x00DS",
    "Rows": b"\x28\x00\x10\x00US",
}
"""Tag and value representation of attributes that end in messages."""


def dicom(folder: Path, *, spoil: str) -> Path:
    """Write a series in half of whose files one attribute is a name; the value has another length than it had."""

    def texts(dataset: FileDataset, _index: int) -> None:
        dataset.PatientName = dataset.PatientID = NAME.decode()
        dataset.EchoTime = 1

    Phantom(shape=(10, 8, 6), change=texts).write(folder / "scan")
    for number, file in enumerate(sorted((folder / "scan").iterdir())):
        content = file.read_bytes()
        start = content.find(CODES[spoil])
        if number % 2 == 0 and start >= 0:
            size = int.from_bytes(content[start + 6 : start + 8], "little")
            value = len(NAME).to_bytes(2, "little") + NAME
            content = content[: start + 6] + value + content[start + 8 + size :]
        file.write_bytes(content)
    return folder / "scan"


def archive(folder: Path, *, spoil: str) -> Path:
    """Write an archive whose members are named after a patient, one of them damaged."""
    series = dicom(folder, spoil="Rows")
    path = folder / "scan.zip"
    with zipfile.ZipFile(path, "w") as target:
        for file in sorted(series.iterdir()):
            content = file.read_bytes()
            target.writestr(f"{NAME.decode()}{CONTROLS[:-1]}/{file.name}", content[:-50] if spoil else content)
    return path


SPOILED: dict[Callable[..., Path], tuple[str, ...]] = {
    nifti: ("", "magic", "length", "type", "axes"),
    nrrd: ("content", "type", "dimension", "space", "sizes", "encoding", "space units", "kinds"),
    metaimage: ("Name", "NDims", "ElementType", "DistanceUnits", "ElementDataFile", "DimSize"),
    dicom: tuple(CODES),
    archive: ("", "cut"),
}


def calls(scan: Path, mask: Path) -> list[list[str]]:
    """Return commands that read a scan, and a mask."""
    given = [str(scan), "--mask", str(mask), "--engine", "nearest"]
    return [
        ["inspect", str(scan)],
        ["inspect", str(scan), "--json"],
        ["inspect", str(scan.parent)],
        ["restore", *given, "--output", "out"],
        ["restore", str(scan), "--detect", "--output", "out", "--name", "detected", "--json"],
        ["restore", str(mask), "--mask", str(scan), "--output", "masked", "--engine", "nearest"],
        ["ingest", str(scan), "--mask", str(mask), "--output", "case.npz", "--timeout-s", "60"],
        ["inpaint", "case.npz", "--output", "fills", "--engine", "nearest"],
        ["export", str(scan), "--filled", "fills/case.npz", "--name", "exported", "--output", "exported"],
        ["verify", "."],
    ]


def is_clean(text: str) -> bool:
    """Return whether a text has no control characters but line ends and tabs, and no part of the name."""
    return NAME.decode()[:4] not in text and all(one.isprintable() or one in "\n\t" for one in text)


@pytest.mark.parametrize(
    ("make", "spoil"),
    [(make, spoil) for make, names in SPOILED.items() for spoil in names],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_no_text_of_a_file_is_passed_on(
    make: Callable[..., Path],
    spoil: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in").mkdir()
    scan = make(tmp_path / "in", spoil=spoil)
    mask = np.zeros((8, 10, 6), np.uint8)
    mask[3:5, 4:6, 2:4] = 1
    save(mask, tmp_path / "mask.nii.gz", np.diag([2.0, 2.0, 2.0, 1.0]))
    monkeypatch.chdir(tmp_path)
    for words in calls(scan, tmp_path / "mask.nii.gz"):
        assert main(words) in {0, 3, 5}
        printed = capfd.readouterr()
        assert is_clean(printed.out), words
        assert is_clean(printed.err), words
        assert "internal error" not in printed.out + printed.err
    records = list(tmp_path.rglob("*_record.json"))
    assert all(is_clean(record.read_text()) for record in records)
    assert any(json.loads(record.read_text()) for record in records)
    for staged in (Path("case.npz"), Path("fills/case.npz")):
        with zipfile.ZipFile(staged) as case:
            assert not any(NAME[:4] in case.read(name) for name in case.namelist())


def test_names_of_files_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    name = CONTROLS[:-1] + "\n\udcff"
    scan, mask = save_pair(tmp_path)
    odd = tmp_path / f"{name}.nii.gz"
    odd.write_bytes(scan.read_bytes())
    (tmp_path / f"{name}.nrrd").write_bytes(b"NRRD0004\n")
    (tmp_path / f"{name}.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    monkeypatch.chdir(tmp_path)
    for words in [
        ["inspect", "."],
        ["restore", str(odd), "--mask", str(mask), "--output", "out", "--name", "a", "--engine", "nearest"],
        ["restore", f"{name}.nrrd", "--mask", str(mask), "--output", "out"],
        ["ingest", f"{name}.dcm", "--output", "case.npz"],
        ["inpaint", "case.npz", "--output", "fills"],
        ["export", f"{name}.dcm", "--filled", "fills/case.npz", "--name", "b", "--output", "out"],
        ["restore", str(odd), "--mask", f"{name}absent", "--output", "out"],
        ["verify", "."],
        ["verify", f"{name}absent"],
    ]:
        main(words)
        printed = capfd.readouterr()
        assert is_clean(printed.out + printed.err), words
        assert printed.out + printed.err
    assert all(is_clean(path.read_text()) for path in Path("out").glob("*_record.json"))
    assert len(list(Path("out").glob("*_record.json"))) == 2
