"""The command line: exit codes, JSON, and one line for each error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dicom_phantom import Phantom
from scans import save_pair

from medpaint.cli.main import COMMANDS, main
from medpaint.engines.choice import choice_names
from medpaint.parameters import FIELDS, FillParameters, MaskParameters, WriteParameters

Captured = pytest.CaptureFixture[str]


def printed(capsys: Captured) -> Any:
    """Return the one JSON object on stdout."""
    return json.loads(capsys.readouterr().out)


def restore(folder: Path, *flags: str) -> int:
    """Restore the phantom by the quickest engine into the folder `out`; return the exit code."""
    scan, mask = save_pair(folder)
    where = ["--mask", str(mask), "--output", str(folder / "out"), "--engine", "nearest"]
    return main(["restore", str(scan), *where, *flags])


def test_restore_names_its_products(tmp_path: Path, capsys: Captured) -> None:
    assert restore(tmp_path, "--json") == 0
    answer = printed(capsys)
    assert answer["status"] == "restored"
    assert all(Path(answer[name]).exists() for name in ("restored", "mask", "record"))
    assert answer["repaired_ml"] == pytest.approx(180 * 0.008, rel=0.001)
    assert set(answer) >= {"engine", "seconds", "warnings"}


def test_restore_prints_text_without_json(tmp_path: Path, capsys: Captured) -> None:
    assert restore(tmp_path) == 0
    out = capsys.readouterr().out
    assert out.startswith("restored: 1.4")
    assert "scan_restored.nii.gz" in out


def test_restore_names_what_filled_where_the_engine_had_no_part(tmp_path: Path, capsys: Captured) -> None:
    scan, mask = save_pair(tmp_path)
    words = ["restore", str(scan), "--mask", str(mask), "--engine", "resnet2d", "--output", str(tmp_path)]
    assert main(words) == 0
    assert " ml by biharmonic in " in capsys.readouterr().out


def test_inspect_prints_the_unit(tmp_path: Path, capsys: Captured) -> None:
    Phantom(modality="PT", bits_stored=16).write(tmp_path)
    assert main(["inspect", str(tmp_path)]) == 0
    assert "dicom     PT  5x6x4 voxels of 0.5x0.75x2 mm  LPS  int16  Bq/ml" in capsys.readouterr().out


def test_flags_of_restore_reach_the_record(tmp_path: Path, capsys: Captured) -> None:
    flags = ["--seed", "4", "--edge-mm", "1.5", "--labels", "1", "--dilate-mm", "2"]
    assert restore(tmp_path, *flags, "--max-fraction", "0.8", "--resample-mask", "--json") == 0
    parameters = json.loads(Path(printed(capsys)["record"]).read_text())["parameters"]
    found = {name: value for step in parameters.values() for name, value in step.items()}
    wanted = {"engine": "nearest", "seed": 4, "edge_mm": 1.5, "labels": [1], "dilate_mm": 2.0, "max_fraction": 0.8}
    assert wanted.items() <= found.items()
    assert set(found) == set(FIELDS)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("restore", FIELDS),
        ("ingest", [*MaskParameters.model_fields, "absent_slices", "frame", "series"]),
        ("inpaint", FillParameters.model_fields),
        ("export", WriteParameters.model_fields),
    ],
)
def test_parameters_are_flags_of_their_commands(command: str, names: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert [name for name in names if f"--{name.replace('_', '-')}" not in text] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["restore", "nowhere.nii.gz", "--detect"], 3),
        (["restore", "SCAN", "--mask", "nowhere.nii.gz"], 3),
        (["restore", "SCAN", "--mask", "MASK", "--engine", "magic"], 2),
        (["restore", "SCAN", "--mask", "MASK", "--labels", "9"], 3),
        (["restore", "SCAN", "--mask", "MASK", "--edge-mm", "-3"], 2),
        (["verify", "SCAN"], 3),
        (["inspect", "nowhere"], 3),
        (["check", "nowhere.tsv"], 3),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, words: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    scan, mask = save_pair(tmp_path)
    places = {"SCAN": str(scan), "MASK": str(mask)}
    assert main([places.get(word, word) for word in words] + ["--json"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("medpaint: ")
    assert len(captured.err.strip().splitlines()) == 1
    answer = json.loads(captured.out)
    assert answer["status"] == "error"
    assert answer["exit_code"] == code
    assert answer["message"] in captured.err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["conjure"],
        ["restore"],
        ["restore", "x", "--detect", "--mask", "y"],
        ["restore", "x", "--detect", "--samples", "2"],
        ["engines", "x"],
        ["pacs"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: medpaint" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[name] for name in COMMANDS] + [["pacs", name] for name in ("list", "find", "fetch", "store")]
)
def test_every_command_has_help(words: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert "exit codes:" in text
    assert "Default: ." not in text


def test_verify_fails_on_a_changed_product(tmp_path: Path, capsys: Captured) -> None:
    restore(tmp_path, "--json")
    answer = printed(capsys)
    assert main(["verify", str(tmp_path / "out"), "--json"]) == 0
    assert printed(capsys)["records"][0]["holds"] is True
    product = Path(answer["mask"])
    product.write_bytes(product.read_bytes()[:-1])
    assert main(["verify", str(tmp_path / "out"), "--json"]) == 5
    assert printed(capsys)["status"] == "failed"
    assert main(["verify", str(tmp_path / "out")]) == 5
    assert "DOES NOT HOLD" in capsys.readouterr().out


def test_names_that_are_not_utf8_are_restored_and_escaped_in_the_record(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    scan = scan.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.nii.gz"))
    flags = ["--mask", str(mask), "--engine=nearest", "--output", str(tmp_path / "out")]
    assert main(["restore", str(scan), *flags]) == 0
    (record,) = (tmp_path / "out").glob("*_record.json")
    assert json.loads(record.read_text(encoding="utf-8"))["read"]["path"] == "../caf\\xe9.nii.gz"
    assert main(["verify", str(tmp_path / "out")]) == 0
    command = [sys.executable, "-m", "medpaint", "inspect", str(scan)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", ["ingest", "export", "inpaint"])
def test_a_path_behind_two_dashes_is_never_a_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = {"export": ["--filled=-f.npz", "--name=a"]}.get(command, [])
    assert main([command, *flags, "--output=-out", "--json", "--", "-dash.nii.gz"]) == 0
    assert "-dash.nii.gz" in capsys.readouterr().err or command == "export"
    assert (tmp_path / "-out").exists()


def test_inspect_lists_images(tmp_path: Path, capsys: Captured) -> None:
    save_pair(tmp_path)
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8b\x08\x00nothing")
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    images = printed(capsys)["images"]
    assert [image["restorable"] for image in images] == [False, True, True]
    assert main(["inspect", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1 of 2 can be restored, 1 mask" in out
    assert "32x36x30 voxels" in out


def test_engines_are_listed(capsys: Captured) -> None:
    assert main(["engines", "--json"]) == 0
    assert [row["name"] for row in printed(capsys)["engines"]] == list(choice_names())
    assert main(["engines"]) == 0
    assert capsys.readouterr().out.startswith("auto ")


def test_the_module_runs_like_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medpaint", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("medpaint ")
