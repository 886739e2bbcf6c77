"""A scan that is damaged on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from dicom_phantom import Phantom

from medpaint.cli.main import main
from medpaint.core.errors import InputError, UnreadableError, UnsupportedError
from medpaint.core.types import Array
from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.io.reading import read_scan
from medpaint.phantoms import head
from medpaint.simulation.record import read_damage_record
from medpaint.simulation.scan import damage_file

SHAPE = (24, 28, 20)
NOISE = ARTEFACTS["noise"]


def values() -> Array:
    noise = np.random.default_rng(0).normal(0.0, 0.01, (2, *SHAPE))
    whole: Array = np.rint(1000.0 * np.hypot(head(SHAPE, (8.0, 8.0, 8.0)) + noise[0], noise[1])).astype(np.int16)
    return whole


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "brain.nii.gz"
    image = nib.Nifti1Image(values(), np.diag([8.0, 8.0, 8.0, 1.0]))  # type: ignore[no-untyped-call]
    image.header.set_data_dtype(np.int16)  # type: ignore[no-untyped-call]
    image.to_filename(path)
    return path


def test_products_agree_with_the_damage_and_with_the_record(scan: Path, tmp_path: Path) -> None:
    record, place = damage_file(scan, NOISE, 0.7, 4, output=tmp_path / "out")
    clean, _ = read_scan(scan)
    expected = NOISE(clean, 0.7, 4)
    damaged, source = read_scan(place.damaged)
    truth, drawn = read_scan(place.truth)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("brain_damage.json", "brain_damaged.nii.gz", "brain_truth.nii.gz")
    ]
    np.testing.assert_array_equal(damaged.data, expected.volume.data)
    np.testing.assert_array_equal(truth.data != 0, expected.mask)
    np.testing.assert_array_equal(damaged.affine, clean.affine)
    assert record == read_damage_record(place.record)
    assert [product.sha256 for product in record.products] == [source.sha256, drawn.sha256]
    assert record.damage["severity"] == 0.7
    assert record.source.sha256 == read_scan(scan)[1].sha256
    assert "numpy" in record.software


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_format_of_files_stays_what_it_was(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"brain{ending}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values().T), str(path))
    record, place = damage_file(path, NOISE, 0.7, 4, output=tmp_path / "out")
    expected = NOISE(read_scan(path)[0], 0.7, 4)
    assert place.damaged.suffix == ending
    np.testing.assert_array_equal(read_scan(place.damaged)[0].data, expected.volume.data)
    np.testing.assert_array_equal(read_scan(place.truth)[0].data != 0, expected.mask)
    kept = {file for product in record.products for file in (product.path, *product.files)}
    assert {*kept, place.record.name} == {made.name for made in (tmp_path / "out").iterdir()}
    damage_file(path, NOISE, 0.7, 4, output=tmp_path / "out", overwrite=True)


def test_frame_of_a_series_in_time_is_damaged_and_the_others_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "bold.nii.gz"
    series = np.stack([values(), values() + 5, values() + 9], axis=-1)
    nib.Nifti1Image(series, np.eye(4)).to_filename(path)  # type: ignore[no-untyped-call]
    record, place = damage_file(path, NOISE, 0.7, 4, output=tmp_path / "out", frame=1)
    made = np.asanyarray(nib.load(place.damaged).dataobj)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(made[..., [0, 2]], series[..., [0, 2]])
    assert (made[..., 1] != series[..., 1]).any()
    assert record.source.frame == 1


def test_same_call_gives_the_same_bytes(scan: Path, tmp_path: Path) -> None:
    made = []
    for folder in ("one", "two"):
        damage_file(scan, NOISE, 0.5, 1, output=tmp_path / folder)
        made.append({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()})
    assert made[0] == made[1]


def test_products_are_replaced_only_where_asked(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _, place = damage_file(scan, NOISE, 0.5, 1, output=out)
    first = place.damaged.read_bytes()
    with pytest.raises(InputError, match=r"is there already.*--overwrite"):
        damage_file(scan, NOISE, 0.5, 2, output=out)
    assert place.damaged.read_bytes() == first
    damage_file(scan, NOISE, 0.5, 2, output=out, overwrite=True)
    assert place.damaged.read_bytes() != first


def test_foreign_file_is_never_replaced(scan: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "out" / "brain_truth.nii.gz"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    with pytest.raises(InputError, match="no record says that medpaint wrote it"):
        damage_file(scan, NOISE, 0.5, 1, output=foreign.parent, overwrite=True)
    assert foreign.read_text() == "mine"
    (foreign.parent / "brain_damage.json").write_text("{}")
    with pytest.raises(InputError, match="expected a record of damage"):
        damage_file(scan, NOISE, 0.5, 1, output=foreign.parent, overwrite=True)


def test_clean_scan_is_never_replaced(scan: Path, tmp_path: Path) -> None:
    _, place = damage_file(scan, NOISE, 0.5, 1, output=tmp_path)
    with pytest.raises(InputError, match="which is an input"):
        damage_file(place.damaged, NOISE, 0.5, 1, output=tmp_path, name="brain", overwrite=True)


def test_refused_scan_leaves_no_folder(tmp_path: Path) -> None:
    empty = tmp_path / "empty.nii.gz"
    nib.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4)).to_filename(empty)  # type: ignore[no-untyped-call]
    with pytest.raises(InputError, match="expected"):
        damage_file(empty, NOISE, 0.5, 1, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_dicom_is_refused(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "series")
    with pytest.raises(UnsupportedError, match="convert the scan to NIfTI first"):
        damage_file(tmp_path / "series", NOISE, 0.5, 1, output=tmp_path / "out")


def test_absent_record_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_damage_record(tmp_path / "none.json")


def test_command_prints_the_products(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "corrupt",
        str(scan),
        "--kind",
        "spike",
        "--severity",
        "0.8",
        "--seed",
        "3",
        "--output",
        str(tmp_path),
    ]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["kind"], answer["severity"], answer["seed"]) == ("damaged", "spike", 0.8, 3)
    assert all(Path(answer[name]).is_file() for name in ("damaged", "truth", "record"))
    assert main([*words, "--name", "other"]) == 0
    assert "damaged: spike of severity 0.8" in capsys.readouterr().out


def test_command_lists_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corrupt", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in (*ARTEFACTS, "severity 0 to 1"))
    assert main(["corrupt", "--list", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)["kinds"]} == set(ARTEFACTS)


def test_command_without_a_kind_is_wrong_usage(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corrupt", str(scan)]) == 2
    assert "--list" in capsys.readouterr().err
