"""`medpaint detect`: what it prints, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_phantom import Phantom

from medpaint.cli.main import main
from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.detectors.detect import detect
from medpaint.io.reading import read_scan
from medpaint.io.tables import read_rows
from medpaint.phantoms import head


@pytest.fixture
def data() -> Array:
    noise = np.random.default_rng(0).normal(0.0, 4.0, (48, 56, 30))
    return (1000.0 * head((48, 56, 30), (4.0, 4.0, 5.3)) + noise).astype(np.float32)


def saved(data: Array, folder: Path) -> Path:
    path = folder / "scan.nii.gz"
    nib.Nifti1Image(data, np.diag([4.0, 4.0, 5.3, 1.0])).to_filename(path)  # type: ignore[no-untyped-call]
    return path


def test_mask_and_table_are_written_and_said(
    data: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data[:, :, [9, 20]] = 0.0
    data[:, :, 14] *= 0.5
    assert main(["detect", str(saved(data, tmp_path)), "--output", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out
    assert "2 findings" in lines
    assert "missing slices, K 9, 20" in lines
    assert "--repair missing nonfinite block dropout puts it there too" in lines
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scan_damage.nii.gz", "scan_damage.tsv"]
    mask, _ = read_scan(tmp_path / "out" / "scan_damage.nii.gz")
    assert np.flatnonzero(mask.data.all(axis=(0, 1))).tolist() == [9, 20]
    rows = read_rows(tmp_path / "out" / "scan_damage.tsv", columns=None, what="a table")
    assert [(row.values["detector"], row.values["slices"], row.values["in_mask"]) for row in rows] == [
        ("missing", "9 20", "yes"),
        ("dropout", "14", "no"),
    ]


def test_mask_is_what_restore_fills(data: Array, tmp_path: Path) -> None:
    data[:, :, 14] *= 0.5
    scan = saved(data, tmp_path)
    words = ["--repair", "missing", "dropout"]
    assert main(["detect", str(scan), "--output", str(tmp_path / "a"), *words]) == 0
    assert (
        main(["restore", str(scan), "--detect", "--output", str(tmp_path / "b"), "--engine", "linear", *words])
        == 0
    )
    found, _ = read_scan(tmp_path / "a" / "scan_damage.nii.gz")
    filled, _ = read_scan(tmp_path / "b" / "scan_mask.nii.gz")
    np.testing.assert_array_equal(found.data, filled.data)
    record = json.loads((tmp_path / "b" / "scan_record.json").read_text())
    assert record["parameters"]["mask"]["repair"] == ["missing", "dropout"]
    (finding,) = record["mask"]["findings"]
    assert (finding["detector"], finding["slices"], finding["filled"]) == ("dropout", [14], True)


def test_dry_run_writes_nothing(data: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data[:, :, 9] = 0.0
    scan = saved(data, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["detect", str(scan), "--dry-run"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


def test_json_has_the_findings(data: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data[:, :, 9] = 0.0
    assert main(["detect", str(saved(data, tmp_path)), "--dry-run", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "damaged"
    assert answer["files"] == []
    assert [(one["kind"], one["slices"], one["in_mask"]) for one in answer["findings"]] == [
        ("missing slices", [9], True)
    ]


def test_existing_files_are_kept(data: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["detect", str(saved(data, tmp_path)), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert main(words) == 3
    assert "is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def series(folder: Path, *, padded_rows: int = 0) -> Path:
    """Write a series whose slice 4 is lost, with rows of padding, and return its folder."""
    import pydicom

    Phantom(shape=(18, 16, 9)).write(folder / "series")
    for number, path in enumerate(sorted((folder / "series").iterdir())):
        dataset = pydicom.dcmread(path)
        values = np.full((dataset.Rows, dataset.Columns), 100, np.uint16)
        values[4:12, 4:12] = 500 + number
        if number == 4:
            values[:] = 0
        if padded_rows:
            values[:padded_rows] = 0
            dataset.add_new("PixelPaddingValue", "SS" if dataset.PixelRepresentation else "US", 0)
        dataset.PixelData = values.tobytes()
        dataset.save_as(path)
    return folder / "series"


def test_a_series_gets_a_segmentation_that_says_found(tmp_path: Path) -> None:
    import pydicom

    assert main(["detect", str(series(tmp_path)), "--output", str(tmp_path / "out"), "--name", "a"]) == 0
    written = pydicom.dcmread(tmp_path / "out" / "a_damage.dcm")
    assert written.ContentLabel == "DAMAGED"
    assert written.SeriesDescription == "Mask of what medpaint found damaged"
    assert "repaired" not in str(written).lower()


def test_mask_leaves_padding_out_as_restore_does(tmp_path: Path) -> None:
    scan = str(series(tmp_path, padded_rows=3))
    assert main(["detect", scan, "--output", str(tmp_path / "a"), "--name", "a"]) == 0
    assert main(["restore", scan, "--detect", "--output", str(tmp_path / "b"), "--name", "b"]) == 0
    found, _ = read_scan(tmp_path / "a" / "a_damage.nii.gz")
    filled, _ = read_scan(tmp_path / "b" / "b_mask.nii.gz")
    assert 0 < np.count_nonzero(found.data) < 18 * 16
    np.testing.assert_array_equal(found.data, filled.data)


def test_damage_that_covers_too_much_is_reported_and_not_filled(data: Array) -> None:
    data[:, :, 8:24:2] = 0.0
    found = detect(Volume.of(data), max_fraction=0.2)
    assert found.findings
    assert not any(finding.filled for finding in found.findings)
    assert not found.mask.any()
    assert "nothing is filled" in found.refused


def test_overwrite_never_replaces_the_scan(
    data: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = saved(data, tmp_path).rename(tmp_path / "scan_damage.nii.gz")
    before = scan.read_bytes()
    assert main(["detect", str(scan), "--output", str(tmp_path), "--name", "scan", "--overwrite"]) == 3
    assert "is an input" in capsys.readouterr().err
    assert scan.read_bytes() == before


def test_overwrite_never_replaces_a_file_of_others(
    data: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, table = saved(data, tmp_path), tmp_path / "scan_damage.tsv"
    table.write_text("tooth\tdamage\n12\tcaries\n")
    assert main(["detect", str(scan), "--output", str(tmp_path), "--overwrite"]) == 3
    assert "move it away" in capsys.readouterr().err
    assert "caries" in table.read_text()


def test_nothing_is_written_into_the_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = series(tmp_path)
    assert main(["detect", str(scan), "--output", str(scan / "damage")]) == 3
    assert "is inside" in capsys.readouterr().err
    assert not (scan / "damage").exists()
