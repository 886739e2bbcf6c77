"""What comes to the user where pixels are damaged, or a decoder ends its process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from codestreams import broken_decoder, change, series
from dicom_phantom import Phantom
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless
from scans import save

from medpaint.cli.main import main

CRASH = "os.abort()"
SAID = "which the decoder refused (it crashed: SIGABRT): frame 1 of"


def hole(folder: Path, phantom: Phantom) -> Path:
    """Write a mask on the grid of a series."""
    rows, columns, slices = phantom.shape
    mask = np.zeros((columns, rows, slices), bool)
    mask[10:14, 10:15, 1] = True
    return save(mask, folder / "scan_mask.nii", phantom.affine())


def restore(folder: Path) -> int:
    """Restore the series by the command."""
    places = [str(folder / name) for name in ("scan", "scan_mask.nii", "out")]
    return main(["restore", places[0], "--mask", places[1], "--output", places[2], "--engine", "nearest"])


def test_a_crash_of_a_decoder_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series(tmp_path / "scan", JPEGLSLossless)
    hole(tmp_path, Phantom(shape=(40, 36, 3)))
    with broken_decoder(CRASH):
        assert restore(tmp_path) == 3
    said = capsys.readouterr().err
    assert said.startswith("medpaint: expected 40x36 decodable pixels")
    assert SAID in said
    assert said.count("\n") == 1
    assert not any((tmp_path / "out").iterdir()) if (tmp_path / "out").exists() else True
    assert restore(tmp_path) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("scan_restored", "scan_mask.nii.gz", "scan_mask.dcm", "scan_record.json"),
    }


def test_a_crash_of_a_decoder_is_a_failed_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series(tmp_path / "scan", JPEGLSLossless)
    case = tmp_path / "case.npz"
    with broken_decoder(CRASH):
        assert main(["ingest", str(tmp_path / "scan"), "--output", str(case), "--json"]) == 0
    assert SAID in json.loads(capsys.readouterr().out)["reason"]
    assert case.exists()


def test_deep_inspection_says_what_restoring_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = series(tmp_path / "scan", JPEG2000Lossless)
    change(files[2], lambda frame: frame[: len(frame) // 2])
    hole(tmp_path, Phantom(shape=(40, 36, 3)))
    assert main(["inspect", str(tmp_path / "scan")]) == 0
    assert "1 of 1 can be restored (headers only: --deep reads the voxels too)" in capsys.readouterr().out
    assert main(["inspect", "--deep", str(tmp_path / "scan")]) == 0
    said = capsys.readouterr().out
    assert said.endswith("0 of 1 can be restored\n")
    assert restore(tmp_path) == 3
    assert capsys.readouterr().err.removeprefix("medpaint: ").strip() in said
    with broken_decoder(CRASH):
        assert main(["inspect", "--deep", str(tmp_path / "scan")]) == 0
    assert SAID in capsys.readouterr().out


def test_masks_are_no_scans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series(tmp_path / "scan", JPEGLSLossless)
    hole(tmp_path, Phantom(shape=(40, 36, 3)))
    assert restore(tmp_path) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.count("a mask") == 3
    assert said.endswith("2 of 2 can be restored, 3 masks (headers only: --deep reads the voxels too)\n")


def test_the_range_of_the_voxels_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    file = save(data, tmp_path / "scan.nii")
    assert main(["inspect", str(tmp_path), "--deep"]) == 0
    assert "  intensities 3 to 23, 3 voxels not finite\n" in capsys.readouterr().out
    assert main(["inspect", str(file), "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert image["pixels"] == {"lowest": 3.0, "highest": 23.0, "non_finite": 3, "padding": 0}
    assert image["is_mask"] is False
